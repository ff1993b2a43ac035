import { all, argsort, cpu, fromTyped, Random, smallest, type Tensor } from "@denoise-rotator/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { WebgpuBackend } from "../src/index.js";
import { describeOnDevice } from "./adapter.js";
import { open } from "./open.js";

let backend: WebgpuBackend;

/** Values of which many tie, with specials. */
function tied(count: number): Float32Array {
  const random = new Random(3);
  const specials = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0];
  return Float32Array.from({ length: count }, () =>
    random.next() < 0.05
      ? specials[random.integer(4)]!
      : random.integer(Math.ceil(count / 8)) - Math.ceil(count / 16),
  );
}

async function agree(values: Float32Array, shape: number[], f: (x: Tensor) => Tensor): Promise<void> {
  const results = [];
  for (const on of [backend, cpu]) {
    const x = fromTyped(values, shape, "f32", on);
    const y = f(x);
    results.push(await y.read());
    x.dispose();
    y.dispose();
  }
  expect(results[0]).toEqual(results[1]);
}

describeOnDevice("rows longer than a workgroup", () => {
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend?.dispose());

  for (const [rows, length] of [
    [3, 65],
    [5, 1024],
    [2, 1025],
    [3, 5000],
  ] as const) {
    it(`should sort ${rows} rows of ${length} stably, either way`, async () => {
      const values = tied(rows * length);
      await agree(values, [rows, length], (x) => argsort(x));
      await agree(values, [rows, length], (x) => argsort(x, { descending: true }));
      await agree(values, [length, rows], (x) => argsort(x.transpose()));
    });
  }

  for (const [group, count] of [
    [65, 1],
    [300, 299],
    [4096, 2048],
    [5000, 17],
  ] as const) {
    it(`should mark the smallest ${count} of ${group}`, async () => {
      await agree(tied(3 * group), [3, group], (x) => smallest(x, { group, count }));
    });
  }

  it("should sum a million terms to within a few roundings", async () => {
    const count = 1_000_000;
    const values = Float32Array.from({ length: count }, (_, i) => 1 + (i % 7) / 8);
    const exact = values.reduce((sum, value) => sum + value, 0);
    const x = fromTyped(values, [count], "f32", backend);
    for (const view of [x, x.reshape([1000, 1000]), x.reshape([1000, 1000]).transpose()]) {
      const [sum] = await view.sum().read();
      expect(Math.abs(sum! / exact - 1)).toBeLessThan(2 ** -22);
    }
    x.dispose();
  });

  it("should reduce long and short, inner and outer axes alike", async () => {
    const integers = Float32Array.from({ length: 40_000 }, (_, i) => ((i * 7919) % 1000) - 500);
    for (const shape of [
      [2, 20_000],
      [20_000, 2],
      [200, 200],
      [40, 10, 100],
    ]) {
      for (const axis of [0, 1, shape.length - 1]) {
        await agree(integers, shape, (x) => x.sum({ axis }));
        await agree(integers, shape, (x) => x.max({ axis }));
        await agree(integers, shape, (x) => all(x.greater(-500), { axis }));
      }
    }
  });

  it("should scatter many rows in order", async () => {
    const count = 3000;
    const values = Float32Array.from({ length: count * 8 }, (_, i) => (i % 97) - 48);
    const indices = Int32Array.from({ length: count }, (_, i) => (i * 31) % 50);
    for (const width of [8, 1]) {
      const results = [];
      for (const on of [backend, cpu]) {
        const out = fromTyped(new Float32Array(50 * width * 200), [50, width * 200], "f32", on);
        const x = fromTyped(values.subarray(0, count * width), [count, width], "f32", on);
        const at = fromTyped(indices, [count], "i32", on);
        const spread = x.unsqueeze(2).expand([count, width, 200]);
        const whole = { buffer: out.operand.buffer, dtype: "f32", offset: 0 } as const;
        on.kernels.scatterAdd(spread.operand, at.operand, 0, {
          ...whole,
          shape: [50, width, 200],
          strides: [width * 200, 200, 1],
        });
        results.push(await out.read());
      }
      expect(results[0]).toEqual(results[1]);
    }
  });
});
