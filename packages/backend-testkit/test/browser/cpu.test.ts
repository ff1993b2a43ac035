import { createCpuBackend } from "@denoise-rotator/core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { coreOpTable, describeBackend, gradientCases } from "../../src/index.js";

const runner = { describe, it, beforeAll, afterAll };
describeBackend("cpu", createCpuBackend, runner, { runs: 20, cases: gradientCases(coreOpTable) });
