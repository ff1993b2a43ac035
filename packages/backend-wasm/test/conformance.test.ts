import { coreOpTable, describeBackend, gradientCases } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, describe, it } from "vitest";
import { wasm } from "../src/index.js";

const runner = { describe, it, beforeAll, afterAll };
describeBackend("wasm", wasm, runner);
describeBackend("wasm, gradients", wasm, runner, { cases: gradientCases(coreOpTable) });
