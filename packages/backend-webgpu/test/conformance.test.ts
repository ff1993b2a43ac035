import { describeBackend, tolerances } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, it } from "vitest";
import { describeOnDevice } from "./adapter.js";
import { open } from "./open.js";

const runner = { describe: describeOnDevice, it, beforeAll, afterAll };

/** WGSL lets a device flush results below the smallest normal number to zero, of plain arithmetic too. */
const flushed = Object.fromEntries(
  (["add", "sub", "mul", "square"] as const).map((op) => [op, { ...tolerances[op], flush: true }]),
);

describeBackend("webgpu", open, runner, { runs: 30, subnormals: false, tolerances: flushed });
