import { afterAll, beforeAll, describe, it } from "vitest";
import { describeMode } from "./conformance.js";

describeMode("cpu", { describe, it, beforeAll, afterAll });
