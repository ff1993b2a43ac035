import { fromArray, type RequiredKernels, tensor, tidy, where } from "@denoise-rotator/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Device } from "../src/device/device.js";
import { Gpujs } from "../src/gpujs-backend.js";
import { DeviceLimitError, KernelError } from "../src/index.js";
import { openDevice } from "../src/modes.js";

/** A device that counts what it does, and the backend on it. */
async function counting() {
  const { device } = await openDevice("cpu");
  const counts = { upload: 0, download: 0, run: 0, live: 0, downloaded: [] as number[] };
  const counted: Device = {
    ...device,
    upload(values) {
      counts.upload++;
      counts.live++;
      return device.upload(values);
    },
    download(array) {
      counts.download++;
      counts.downloaded.push(array.length);
      return device.download(array);
    },
    run(...args) {
      counts.run++;
      counts.live++;
      return device.run(...args);
    },
    release(array) {
      counts.live--;
      device.release(array);
    },
  };
  const notices: string[] = [];
  const backend = new Gpujs(counted, {
    requested: "cpu",
    passed: [],
    onNotice: (text) => notices.push(text),
  });
  return { backend, counts, notices };
}

describe("gpujs memory", () => {
  let setup: Awaited<ReturnType<typeof counting>>;
  beforeEach(async () => {
    setup = await counting();
  });
  afterEach(() => setup.backend.dispose());

  it("should keep results on the device between operations", async () => {
    const { backend, counts } = setup;
    const a = fromArray(
      Float32Array.from({ length: 12 }, (_, i) => i - 5),
      [3, 4],
      { backend },
    );
    const values = await tidy(() => {
      const product = a.transpose().matmul(a);
      const kept = where(product.greater(0), product.sqrt(), product.neg().exp());
      return kept
        .div(kept.sum({ axis: 1, keepDims: true }))
        .slice([1, 3], null)
        .contiguous();
    }).read();
    expect(values).toHaveLength(8);
    // The matrix and the number 0 to it, and back what was asked for.
    expect(counts).toMatchObject({ upload: 2, download: 1 });
    a.dispose();
  });

  it("should take only the window in question to the host", async () => {
    const { backend, counts, notices } = setup;
    const a = fromArray(new Float32Array(64 * 64).fill(2), [64, 64], { backend });
    const doubled = a.add(a);
    const square = doubled.slice([8, 10], [8, 10]);
    const pivot = tensor([0], { backend, dtype: "i32" });
    backend.kernels.choleskyPanel(square.operand, pivot.operand, { pivotBase: 0 });
    // 4 = 2·2, 4 = 2·b, 4 = b² + c².
    expect([...(await square.read())]).toEqual([2, 4, 2, Number.NaN]);
    expect(counts.downloaded).toEqual([4, 4]);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(/^gpujs: choleskyPanel runs on the host/);
    for (const one of [pivot, square, doubled, a]) one.dispose();
  });

  it("should release what is freed, over 5,000 operations", async () => {
    const { backend, counts } = setup;
    let x = fromArray([1, 2, 3, 4], [2, 2], { backend });
    for (let i = 0; i < 5000; i++) {
      const next = tidy(() => x.add(1).matmul(x).mul(0.1).sin());
      x.dispose();
      x = next;
      if (i % 500 === 0) await x.read();
    }
    x.dispose();
    expect(backend.capabilities.allocatedBytes()).toBe(0);
    const last = tensor([1], { backend });
    await last.read();
    last.dispose();
    expect(counts.run).toBeGreaterThan(5000);
    expect(counts.live).toBe(0);
  });

  it("should hold errors until the result is read, and name what failed", async () => {
    const { backend } = setup;
    const x = tensor([1, 2], { backend });
    const [bad, after, fine] = [0, 1, 2].map(() => tensor([0, 0], { backend }));
    type Unary = Parameters<RequiredKernels["unary"]>[0];
    backend.kernels.unary("cbrt" as Unary, x.operand, bad!.operand);
    backend.kernels.binary("add", x.operand, bad!.operand, after!.operand);
    backend.kernels.binary("add", x.operand, x.operand, fine!.operand);
    for (const failed of [bad!, after!]) {
      await expect(failed.read()).rejects.toThrow(KernelError);
      await expect(failed.read()).rejects.toThrow(/cbrt of f32\[2\], f32\[2\]/);
    }
    expect([...(await fine!.read())]).toEqual([2, 4]);
    backend.kernels.fill(bad!.operand, 3);
    expect([...(await bad!.read())]).toEqual([3, 3]);
  });

  it("should refuse a tensor larger than the device holds", () => {
    const { backend } = setup;
    const { maxBufferBytes } = backend.capabilities;
    expect(() => backend.allocate(maxBufferBytes + 4)).toThrow(DeviceLimitError);
    expect(() => backend.allocate(maxBufferBytes + 4)).toThrow(`at most ${maxBufferBytes}`);
    expect(backend.capabilities.allocatedBytes()).toBe(0);
  });

  it("should keep integers exact beyond what a float knows", async () => {
    const { backend } = setup;
    const x = tensor([2 ** 24 + 1, -(2 ** 31), 2 ** 31 - 1], { backend, dtype: "i32" });
    expect([...(await x.add(tensor([2, 0, 1], { backend, dtype: "i32" })).read())]).toEqual([
      2 ** 24 + 3,
      -(2 ** 31),
      -(2 ** 31),
    ]);
  });
});
