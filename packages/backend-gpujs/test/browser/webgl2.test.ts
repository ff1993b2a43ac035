import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gpujs } from "../../src/index.js";
import { describeMode } from "../conformance.js";

describeMode("webgl2", { describe, it, beforeAll, afterAll });

describe("gpujs webgl2", () => {
  it("should say what runs, and how large its textures are", async () => {
    const backend = await gpujs({ mode: "webgl2" });
    const { capabilities } = backend;
    expect(capabilities.description).toMatchObject({ mode: "webgl2", kernels: "WebGL2Kernel" });
    expect(capabilities.maxBufferBytes).toBe(4 * Number(capabilities.description.maxTextureSize) ** 2);
    await backend.dispose();
  });
});
