import { describeBackend } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, describe, it } from "vitest";
import { wasm } from "../src/index.js";

describeBackend("wasm", wasm, { describe, it, beforeAll, afterAll });
