import { BackendError, OptionError } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { KernelCache } from "../src/device/kernel-cache.js";
import { gpujs, type Mode, ModeUnavailableError } from "../src/index.js";
import { loadLibrary } from "../src/library/library.js";
import { openDevice } from "../src/modes.js";
import { assertRecent } from "../src/node-webgpu.js";
import { identitySource } from "../src/sources/place.js";
import { missingAdapter } from "./adapter.js";

describe("gpujs", () => {
  it("should say which mode and kernels run, of which gpu.js", async () => {
    const backend = await gpujs({ mode: "cpu" });
    const { description } = backend.capabilities;
    expect(description).toMatchObject({ mode: "cpu", requested: "cpu", kernels: "CPUKernel" });
    expect(description.gpujs).toMatch(/^2\.\d+\.\d+$/);
    await backend.dispose();
  });

  it("should refuse a mode that is not there instead of taking another", async () => {
    const refusal = gpujs({ mode: "webgl2" });
    await expect(refusal).rejects.toThrow(ModeUnavailableError);
    await expect(refusal).rejects.toThrow(/mode webgl2 is not available: .*ask for another mode/);
  });

  it("should refuse a mode it does not know", async () => {
    await expect(gpujs({ mode: "webasm" as Mode })).rejects.toThrow(OptionError);
  });

  it("should take the best mode by itself and say what it passed over", async () => {
    const missing = await missingAdapter();
    const backend = await gpujs();
    const { mode, requested, passed } = backend.capabilities.description;
    expect(requested).toBe("auto");
    expect(mode).toBe(missing === undefined ? "webgpu" : "cpu");
    if (missing !== undefined) expect(passed).toContain("mode webgpu is not available");
    await backend.dispose();
  });

  it("should refuse versions of webgpu that crash", () => {
    expect(() => assertRecent("0.2.9")).toThrow(/webgpu 0\.2\.9 was found.*npm install webgpu@0\.6\.2/);
    for (const version of ["0.6.2", "0.10.0", "1.0.0"]) expect(() => assertRecent(version)).not.toThrow();
  });

  it("should leave a navigator that is there as it is", async () => {
    const before = (globalThis as { navigator?: object }).navigator;
    await missingAdapter();
    if (before) expect((globalThis as { navigator?: object }).navigator).toBe(before);
  });

  it("should notice kernels that gpu.js put in the place of others", async () => {
    const library = await loadLibrary();
    const cache = new KernelCache("webgl2", new library({ mode: "cpu" }), library.WebGL2Kernel, "Array");
    const kernel = cache.get(identitySource, 1);
    kernel(Float32Array.of(1));
    expect(() => cache.assertBuilt(kernel, identitySource)).toThrow(
      /gpu\.js put another kernel than WebGL2Kernel in the place of identity/,
    );
    await cache.clear();
  });

  it("should throw where it is used after dispose", async () => {
    const backend = await gpujs({ mode: "cpu" });
    const buffer = backend.allocate(4);
    await backend.dispose();
    await backend.dispose();
    const x = { buffer, dtype: "f32", shape: [1], strides: [1], offset: 0 } as const;
    expect(() => backend.kernels.fill(x, 1)).toThrow(BackendError);
    await expect(backend.read(buffer, 0, 4)).rejects.toThrow(/disposed; create a new one/);
  });

  it("should open the device of one mode several times", async () => {
    const [first, second] = [await openDevice("cpu"), await openDevice("cpu")];
    await first.device.dispose();
    const array = second.device.upload(Float32Array.of(1, 2));
    const copy = await second.device.run(identitySource, { x: array }, 2);
    expect([...(await second.device.download(copy))]).toEqual([1, 2]);
    await second.device.dispose();
  });
});
