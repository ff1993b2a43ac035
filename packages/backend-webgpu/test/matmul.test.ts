import {
  type Backend,
  contiguousStrides,
  type DType,
  type Operand,
  Random,
  sizeOf,
  toBFloat16,
  toFloat16,
} from "@denoise-rotator/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type MatmulVariant, matmulVariants, type WebgpuOptions } from "../src/index.js";
import { describeOnDevice } from "./adapter.js";
import { open } from "./open.js";

interface Matrix {
  readonly operand: Operand;
  readonly values: Float64Array;
}

/**
 * A matrix of normal deviates on `backend`, stored transposed on request: multiples of 1/16, which 16 bits hold exactly
 * and whose sums up to 2^16 are exact in f32, unless they are to be `fine`.
 */
function matrix(
  backend: Backend,
  shape: readonly [number, number],
  seed: number,
  { dtype = "f32" as DType, transpose = false, offset = 0, fine = false } = {},
): Matrix {
  const random = new Random(seed);
  const [rows, columns] = transpose ? [shape[1], shape[0]] : shape;
  const length = offset + rows * columns;
  const convert = dtype === "f16" ? toFloat16 : dtype === "bf16" ? toBFloat16 : undefined;
  const stored = convert ? new Uint16Array(length) : new Float32Array(length);
  const unit = fine ? 2 ** -23 : 1 / 16;
  const values = Float64Array.from(stored, () => Math.round(random.nextNormal() / unit) * unit);
  values.forEach((value, i) => {
    stored[i] = convert ? convert(value) : value;
  });
  const buffer = backend.allocate(stored.byteLength);
  backend.write(buffer, 0, new Uint8Array(stored.buffer));
  const strides = transpose ? [1, columns] : [columns, 1];
  const own = new Float64Array(sizeOf(shape));
  for (let i = 0; i < shape[0]; i++) {
    for (let j = 0; j < shape[1]; j++)
      own[i * shape[1] + j] = values[offset + i * strides[0]! + j * strides[1]!]!;
  }
  return { operand: { buffer, dtype, shape, strides, offset }, values: own };
}

async function product(backend: Backend, a: Matrix, b: Matrix): Promise<Float32Array> {
  const shape = [a.operand.shape[0]!, b.operand.shape[1]!];
  const bytes = 4 * sizeOf(shape);
  const buffer = backend.allocate(bytes);
  const out: Operand = { buffer, dtype: "f32", shape, strides: contiguousStrides(shape), offset: 0 };
  backend.kernels.matmul(a.operand, b.operand, out, { accumulate: false, alpha: 1 });
  const read = await backend.read(buffer, 0, bytes);
  for (const one of [buffer, a.operand.buffer, b.operand.buffer]) backend.free(one);
  return new Float32Array(read.buffer, read.byteOffset, bytes / 4);
}

function expectProduct(actual: Float32Array, a: Matrix, b: Matrix): void {
  const [m, k] = a.operand.shape as [number, number];
  const n = b.operand.shape[1]!;
  let worst = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a.values[i * k + p]! * b.values[p * n + j]!;
      worst = Math.max(worst, Math.abs(actual[i * n + j]! - sum));
    }
  }
  expect(worst).toBe(0);
}

describeOnDevice("products on the device", () => {
  let backend: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend.dispose());

  for (const [m, k, n, transpose] of [
    [1, 4096, 300, false],
    [1, 4096, 300, true],
    [3, 1030, 260, true],
    [7, 260, 1000, false],
    [700, 512, 5, true],
    [1, 1, 1, false],
    [40, 4100, 24, false],
  ] as const) {
    it(`should multiply ${m}×${k} by ${k}×${n}${transpose ? ", transposed in memory" : ""}`, async () => {
      const a = matrix(backend, [m, k], 1, { transpose });
      const b = matrix(backend, [k, n], 2, { transpose });

      expectProduct(await product(backend, a, b), a, b);
    });
  }

  for (const dtype of ["f16", "bf16"] as const) {
    for (const [m, k, n] of [
      [1, 640, 96],
      [66, 130, 66],
    ] as const) {
      it(`should unpack ${dtype} factors of ${m}×${k}×${n} at odd offsets too`, async () => {
        for (const offset of [0, 1, 4]) {
          const a = matrix(backend, [m, k], 3);
          const b = matrix(backend, [k, n], 4, { dtype, transpose: true, offset });
          expectProduct(await product(backend, a, b), a, b);
        }
      });
    }
  }

  it("should give the same bytes whatever lies between rows", async () => {
    const results: Float32Array[] = [];
    const random = new Random(9);
    const values = Float32Array.from({ length: 90 * 100 + 100 * 70 }, () => random.nextNormal());
    for (const { gap, offset } of [
      { gap: 0, offset: 0 },
      { gap: 4, offset: 4 },
      { gap: 3, offset: 1 },
    ]) {
      const place = (rows: number, columns: number, from: number): Matrix => {
        const pitch = columns + gap;
        const stored = new Float32Array(offset + rows * pitch);
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < columns; j++) stored[offset + i * pitch + j] = values[from + i * columns + j]!;
        }
        const buffer = backend.allocate(stored.byteLength);
        backend.write(buffer, 0, new Uint8Array(stored.buffer));
        const shape = [rows, columns];
        return {
          operand: { buffer, dtype: "f32", shape, strides: [pitch, 1], offset },
          values: new Float64Array(),
        };
      };
      results.push(await product(backend, place(90, 100, 0), place(100, 70, 9000)));
    }

    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});

describeOnDevice("variants of products", () => {
  /** With edges, of values whose sums are rounded; one factor lies along k, the other along n. */
  async function result(options: WebgpuOptions): Promise<Float32Array> {
    const backend = await open(options);
    try {
      const a = matrix(backend, [129, 76], 5, { fine: true });
      const b = matrix(backend, [76, 70], 6, { fine: true });
      return await product(backend, a, b);
    } finally {
      await backend.dispose();
    }
  }

  it("should agree bit by bit", async () => {
    const names: MatmulVariant[] = ["blocks4x8", "tiles64x8", "tiles32"];
    const [first, ...others] = await Promise.all(names.map((variant) => result({ matmul: { variant } })));

    for (const other of others) expect(other).toEqual(first);
  });

  it("should be what the cache holds, without measuring", async () => {
    const backend = await open({ matmul: { tune: true, cache: { get: () => "blocks4x4", set: () => {} } } });
    await backend.dispose();

    expect(backend.capabilities.description.matmul).toBe("blocks4x4");
  });

  it("should be measured where the cache holds none, and given to it", async () => {
    const cache = new Map<string, string>();
    const backend = await open({ matmul: { tune: true, cache } });
    await backend.dispose();

    expect([...cache.values()]).toEqual([backend.capabilities.description.matmul]);
    expect(Object.keys(matmulVariants)).toContain([...cache.values()][0]);
  });

  it("should be named where they do not exist", async () => {
    await expect(open({ matmul: { variant: "best" as MatmulVariant } })).rejects.toThrow(
      /matmul\.variant is best/,
    );
  });
});
