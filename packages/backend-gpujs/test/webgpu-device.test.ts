import { fromArray, Random, tensor, tidy } from "@denoise-rotator/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Device } from "../src/device/device.js";
import { DeviceLostError, type GpujsBackend, gpujs } from "../src/index.js";
import { loadLibrary } from "../src/library/library.js";
import { openDevice } from "../src/modes.js";
import { division } from "../src/sources/positions.js";
import { missingAdapter } from "./adapter.js";

const reason = await missingAdapter();
const context = async () => (await loadLibrary()).WebGPUContext.acquire();

/** Bytes of buffers that were created from now on and not destroyed. */
async function watchBuffers(): Promise<() => number> {
  const { device } = await context();
  const create = device.createBuffer.bind(device);
  let live = 0;
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    live += descriptor.size;
    buffer.destroy = () => {
      live -= descriptor.size;
      return destroy();
    };
    return buffer;
  };
  return () => live;
}

describe.skipIf(reason !== undefined)(`gpujs on WebGPU${reason ? ` (${reason})` : ""}`, () => {
  let backend: GpujsBackend;
  beforeEach(async () => {
    backend = await gpujs({ mode: "webgpu", onNotice() {} });
  });
  afterEach(() => backend.dispose());

  it("should say on which adapter it runs", () => {
    expect(backend.capabilities.description).toMatchObject({ mode: "webgpu", kernels: "WebGPUKernel" });
    expect(backend.capabilities.description.adapter).toEqual(expect.any(String));
  });

  it("should leave no buffer behind, over 5,000 operations", async () => {
    const live = await watchBuffers();
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
    const after = live();
    for (let i = 0; i < 25; i++) await turn();
    expect(live()).toBe(after);
    x.dispose();
    await tensor([1], { backend }).read();
    expect(live()).toBe(after - 16 * 16 * 4);
  });

  it("should reject what was under way when the device is lost, and start anew", async () => {
    const x = tensor([1, 2], { backend });
    await x.add(1).read();
    (await context()).device.destroy();
    const lost = x.square().read();
    await expect(lost).rejects.toThrow(DeviceLostError);
    await expect(lost).rejects.toThrow(/create a new one.*square of f32\[2\]/);
    await backend.dispose();
    backend = await gpujs({ mode: "webgpu" });
    expect([...(await tensor([1, 2], { backend }).add(2).read())]).toEqual([3, 4]);
  });

  it("should reject a read after the device refused something, and go on", async () => {
    (await context()).device.createBuffer({ size: 16, usage: 0 });
    const x = tensor([1, 2], { backend });
    // The device says so when it comes to it.
    const squares = async () => {
      for (let i = 0; i < 20; i++) await tidy(() => x.square()).read();
    };
    await expect(squares()).rejects.toThrow(/refused a command: .*usage/i);
    expect([...(await tidy(() => x.square()).read())]).toEqual([1, 4]);
  });

  it("should keep the device while another backend uses it", async () => {
    const other = await gpujs({ mode: "webgpu" });
    await other.dispose();
    expect([...(await tensor([1, 2], { backend }).mul(2).read())]).toEqual([2, 4]);
  });

  it("should address elements beyond 2^24 exactly", async () => {
    const length = 2 ** 24 + 64;
    const values = new Float32Array(length);
    const last = Float32Array.from({ length: 33 }, (_, i) => i + 1);
    values.set(last, length - 33);
    const x = fromArray(values, [length], { backend });
    const end = x.slice([length - 33]);
    const doubled = tidy(() => end.add(end));
    expect([...(await doubled.read())]).toEqual([...last.map((value) => 2 * value)]);
    for (const one of [doubled, end, x]) one.dispose();
  });
});

describe.skipIf(reason !== undefined)(`integers on WebGPU${reason ? ` (${reason})` : ""}`, () => {
  let device: Device;
  beforeEach(async () => {
    ({ device } = await openDevice("webgpu"));
  });
  afterEach(() => device.dispose());

  it("should divide without a remainder out of range, up to 2^31", async () => {
    const source = {
      name: "remainder",
      arguments: { start: "integer", d: "integer", wanted: "float" },
      functions: division,
      body: `
        let a = 0; a++; let q = 0; q++; let rest = 0; rest++;
        a = start + this.thread.x;
        q = quotient(a, d);
        rest = a - q * d;
        if (wanted > 0.5) { return rest; }
        return q;`,
    } as const;
    const near = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 31 - 65 }));
    await fc.assert(
      fc.asyncProperty(near, fc.nat({ max: 2 ** 31 - 65 }), fc.boolean(), async (d, at, multiple) => {
        const start = multiple ? at - (at % d) : at;
        for (const wanted of [0, 1]) {
          const array = await device.run(source, { start, d, wanted }, 64);
          const got = await device.download(array);
          device.release(array);
          const want = Float32Array.from({ length: 64 }, (_, i) =>
            wanted ? (start + i) % d : Math.floor((start + i) / d),
          );
          expect(got).toEqual(want);
        }
      }),
      { numRuns: 100 },
    );
  });
});
