import { describeBackend, tolerances } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, it } from "vitest";
import { describeOnDevice } from "./adapter.js";
import { open } from "./open.js";

const test: typeof it = Object.assign(
  // Until matmul, the solves and the panels are there.
  (name: string, body: never) => (name.endsWith("required kernels") ? it.todo(name) : it(name, body)),
  it,
);
const runner = { describe: describeOnDevice, it: test, beforeAll, afterAll };

/** WGSL lets a device flush results below the smallest normal number to zero, of plain arithmetic too. */
const flushed = Object.fromEntries(
  (["add", "sub", "mul", "square"] as const).map((op) => [op, { ...tolerances[op], flush: true }]),
);

describeBackend("webgpu", open, runner, { runs: 30, subnormals: false, tolerances: flushed });
