import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adapterRequired, missingAdapter } from "./adapter.js";
import { describeMode } from "./conformance.js";

const reason = await missingAdapter();

it("should find an adapter where one is asked for", () => {
  if (adapterRequired) expect(reason).toBeUndefined();
});

describe.skipIf(reason !== undefined)(reason ? `skipped: ${reason}` : "WebGPU in Node", () => {
  describeMode("webgpu", { describe, it, beforeAll, afterAll });
});
