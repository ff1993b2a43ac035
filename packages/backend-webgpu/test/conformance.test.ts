import { coreOpTable, describeBackend, gradientCases } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, it } from "vitest";
import { describeOnDevice } from "./adapter.js";
import { conformanceOptions, open } from "./open.js";

const runner = { describe: describeOnDevice, it, beforeAll, afterAll };

describeBackend("webgpu", open, runner, { ...conformanceOptions, cases: gradientCases(coreOpTable) });
