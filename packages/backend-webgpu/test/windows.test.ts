import {
  argsort,
  cpu,
  type DType,
  fromTyped,
  type Operand,
  Random,
  smallest,
  Tensor,
} from "@denoise-rotator/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { WebgpuBackend } from "../src/index.js";
import { describeOnDevice } from "./adapter.js";
import { open } from "./open.js";

let backend: WebgpuBackend;

const normal = (count: number, seed = 1) =>
  Float32Array.from(
    { length: count },
    (
      (random) => () =>
        random.nextNormal()
    )(new Random(seed)),
  );

describeOnDevice("operands of unusual size or place", () => {
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend?.dispose());

  it("should map more elements than one axis of workgroups holds", async () => {
    const values = normal(65535 * 64 + 100);
    const x = fromTyped(values, [values.length], "f32", backend);
    const y = x.neg();
    const result = await y.read();
    // By hand, since comparing millions of elements takes the test library seconds.
    expect(values.findIndex((value, i) => result[i] !== -value)).toBe(-1);
    x.dispose();
    y.dispose();
  });

  it("should take more than eight axes that do not merge", async () => {
    const shape = new Array<number>(11).fill(2);
    const values = normal(2 ** 11);
    const axes = [...shape.keys()].map((i) => (7 * i) % 11);
    const run = async (on: typeof cpu) => {
      const x = fromTyped(values, shape, "f32", on).permute(axes);
      const results = [x.exp(), x.add(x.permute([...axes].reverse())), x.sum({ axis: [0, 3, 4] })];
      results.push(argsort(x).cast("f32"), smallest(x, { group: 2, count: 1 }).cast("f32"));
      return Promise.all(results.map((one) => one.read()));
    };
    const [actual, expected] = [await run(backend), await run(cpu)];
    for (const [i, list] of expected.entries()) {
      for (const [j, value] of list.entries()) expect(actual[i]![j]).toBeCloseTo(value, 4);
    }
  });

  it("should work between windows onto one buffer, of every dtype", async () => {
    const dtypes: readonly DType[] = ["f32", "i32", "bool", "f16", "bf16"];
    for (const [from, to] of dtypes.flatMap((a) => dtypes.map((b) => [a, b] as const))) {
      const run = async (on: typeof cpu) => {
        const buffer = on.allocate(256);
        on.write(
          buffer,
          0,
          Uint8Array.from({ length: 256 }, (_, i) => (from === "bool" ? i % 2 : (i * 37) % 120)),
        );
        const x: Operand = { buffer, dtype: from, shape: [3, 5], strides: [5, 1], offset: 1 };
        const out: Operand = { buffer, dtype: to, shape: [3, 5], strides: [1, 4], offset: 0 };
        on.kernels.copy(x, {
          ...out,
          offset: 128 / { f32: 4, f64: 8, i32: 4, bool: 1, f16: 2, bf16: 2 }[to],
        });
        const bytes = await on.read(buffer, 0, 256);
        on.free(buffer);
        return bytes;
      };
      expect(await run(backend), `${from} to ${to}`).toEqual(await run(cpu));
    }
  });

  it("should add windows of one buffer into another window of it", async () => {
    const buffer = backend.allocate(48);
    const f32 = (offset: number): Operand => ({ buffer, dtype: "f32", shape: [4], strides: [1], offset });
    backend.write(buffer, 0, new Uint8Array(Float32Array.of(1, 2, 3, 4, 10, 20, 30, 40, 0, 0, 0, 0).buffer));
    backend.kernels.binary("add", f32(0), f32(4), f32(8));
    const sum = new Float32Array((await backend.read(buffer, 32, 16)).buffer);
    expect(sum).toEqual(Float32Array.of(11, 22, 33, 44));
    backend.free(buffer);
  });

  it("should give nothing for nothing", async () => {
    const x = Tensor.empty(backend, [0, 3], "f32");
    expect(await x.exp().read()).toHaveLength(0);
    expect(await x.sum({ axis: 0 }).read()).toEqual(new Float32Array(3));
    x.dispose();
  });
});
