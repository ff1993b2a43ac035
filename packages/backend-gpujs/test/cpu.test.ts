import { coreOpTable, describeBackend, gradientCases } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, describe, it } from "vitest";
import { gpujs } from "../src/index.js";

const runner = { describe, it, beforeAll, afterAll };
const create = () => gpujs({ mode: "cpu", onNotice() {} });
describeBackend("gpujs cpu", create, runner, { runs: 40, subnormals: false, cases: gradientCases(coreOpTable) });
