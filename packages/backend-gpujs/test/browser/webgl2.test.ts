import { Random, tensor, tidy } from "@denoise-rotator/core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { gpujs } from "../../src/index.js";
import { describeMode } from "../conformance.js";

describeMode("webgl2", { describe, it, beforeAll, afterAll }, { runs: 12 });

/** Textures that were made from now on and not deleted. */
function watchTextures() {
  const made = vi.spyOn(WebGL2RenderingContext.prototype, "createTexture");
  const deleted = vi.spyOn(WebGL2RenderingContext.prototype, "deleteTexture");
  return {
    live: () => made.mock.calls.length - deleted.mock.calls.length,
    [Symbol.dispose]() {
      made.mockRestore();
      deleted.mockRestore();
    },
  };
}

describe("gpujs webgl2", () => {
  it("should leave no texture behind, over 5,000 operations", async () => {
    using textures = watchTextures();
    const backend = await gpujs({ mode: "webgl2" });
    let x = new Random(1).normal([16, 16], { backend });
    const turn = async () => {
      for (let i = 0; i < 50; i++) {
        const next = tidy(() => x.matmul(x).add(1).mul(0.1).sin());
        x.dispose();
        x = next;
      }
      await x.read();
    };
    await turn();
    const after = textures.live();
    for (let i = 0; i < 24; i++) await turn();
    expect(textures.live()).toBe(after);
    x.dispose();
    const last = tensor([1], { backend });
    await last.read();
    expect(textures.live()).toBe(after - 1);
    await backend.dispose();
  });

  it("should say what runs, and how large its textures are", async () => {
    const backend = await gpujs({ mode: "webgl2" });
    const { capabilities } = backend;
    expect(capabilities.description).toMatchObject({ mode: "webgl2", kernels: "WebGL2Kernel" });
    expect(capabilities.maxBufferBytes).toBe(4 * Number(capabilities.description.maxTextureSize) ** 2);
    await backend.dispose();
  });
});
