import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BackendError,
  compressSparse24,
  cpu,
  createCpuBackend,
  DisposedError,
  DTypeError,
  decodeBFloat16,
  encodeBFloat16,
  fromArray,
  grad,
  OptionError,
  Random,
  ShapeError,
  type Sparse24Parts,
  Sparse24Weight,
  shareSparse24,
  sparse24Matmul,
  tensor,
  tidy,
} from "../src/index.js";

/** A random matrix with at most two nonzeros in every four. */
function sparseMatrix(out: number, inputs: number, seed: number): Float32Array {
  const random = new Random(seed);
  const dense = new Float32Array(out * inputs);
  for (let at = 0; at < dense.length; at += 4) {
    for (let i = 0; i < 2; i++) dense[at + random.integer(4)] = Math.fround(random.nextNormal());
  }
  return dense;
}

const partsOf = (out: number, inputs: number, seed = 1): Sparse24Parts =>
  compressSparse24(sparseMatrix(out, inputs, seed), [out, inputs])!;

describe("compressSparse24", () => {
  it("should keep what a 2:4-sparse matrix holds", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(),
        fc.boolean(),
        (out, eighths, seed, half) => {
          const f32 = sparseMatrix(out, 8 * eighths, seed);
          const dense = half ? encodeBFloat16(f32) : f32;
          using weight = Sparse24Weight.pack(compressSparse24(dense, [out, 8 * eighths])!);
          using unpacked = weight.toDense();
          const expected = dense instanceof Uint16Array ? decodeBFloat16(dense) : dense;
          expect(unpacked.readSync()).toEqual(expected.map((x) => x + 0));
          expect(weight.byteLength).toBe((dense.byteLength * (half ? 1.125 : 1.0625)) / 2);
        },
      ),
    );
  });

  it("should refuse what has three in a group, or no whole bytes of positions", () => {
    expect(compressSparse24(Float32Array.of(1, 2, 0, 0, 0, 3, 4, 5), [1, 8])).toBeUndefined();
    expect(compressSparse24(new Float32Array(12), [1, 12])).toBeUndefined();
    expect(() => compressSparse24(new Float32Array(12), [2, 8])).toThrow(ShapeError);
  });
});

describe("shareSparse24", () => {
  it("should keep the matrix, with one row of positions for a block of rows", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 3, 4),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(),
        fc.boolean(),
        (rows, blocks, eighths, seed, half) => {
          const [out, inputs] = [rows * blocks, 8 * eighths];
          const dense = sparseMatrix(out, inputs, seed);
          // The first row of a block tells where the others may have something.
          for (let at = 0; at < dense.length; at++) {
            const row = Math.floor(at / inputs);
            if (dense[at - (row % rows) * inputs] === 0) dense[at] = 0;
          }
          const parts = compressSparse24(half ? encodeBFloat16(dense) : dense, [out, inputs])!;
          const shared = shareSparse24(parts, rows)!;
          expect(shared.positions.length).toBe((out * inputs) / 8 / rows);
          using before = Sparse24Weight.pack(parts);
          using after = Sparse24Weight.pack(shared);
          expect(after.toDense().readSync()).toEqual(before.toDense().readSync());
          expect(after.byteLength).toBe(before.byteLength - parts.positions.length + shared.positions.length);
          using x = new Random(seed).normal([3, inputs]);
          const [y, expected] = [sparse24Matmul(x, after), sparse24Matmul(x, before)];
          expect(y.readSync()).toEqual(expected.readSync());
          const pull = (weight: Sparse24Weight) =>
            grad((x) => sparse24Matmul(x, weight).square().sum())(x).readSync();
          expect(pull(after)).toEqual(pull(before));
        },
      ),
    );
  });

  it("should give nothing where a block keeps three of four, or blocks do not fill the rows", () => {
    const parts = compressSparse24(
      Float32Array.of(...[1, 2, 0, 0, 0, 0, 0, 0], ...[0, 0, 3, 0, 0, 0, 0, 0]),
      [2, 8],
    )!;
    expect(shareSparse24(parts, 2)).toBeUndefined();
    expect(shareSparse24(partsOf(3, 16), 2)).toBeUndefined();
  });
});

describe("Sparse24Weight.pack", () => {
  const good = partsOf(3, 16);
  it.each<[string, Partial<Sparse24Parts>, typeof ShapeError | typeof OptionError, string]>([
    ["inputs in no whole bytes", { shape: [2, 12] }, ShapeError, "12 inputs, not a multiple of 8"],
    ["no matrix", { shape: [0, 16] }, ShapeError, "is not a matrix"],
    ["too few values", { values: good.values.subarray(1) }, ShapeError, "23 values, not 24"],
    [
      "too few positions",
      { positions: good.positions.subarray(1) },
      ShapeError,
      "5 bytes of positions, not 6",
    ],
    [
      "a descending pair",
      { positions: Uint8Array.of(0x44, 0x44, 0x44, 0x14, 0x44, 0x44) },
      OptionError,
      "row 1 has no two ascending positions for inputs 12–15",
    ],
    ["rows in no blocks", { rowsPerPattern: 2 }, ShapeError, "has 3 rows, which blocks of 2 do not fill"],
    ["a block of no rows", { rowsPerPattern: 0 }, ShapeError, "blocks of 0 do not fill"],
    ["too many shared positions", { rowsPerPattern: 3 }, ShapeError, "6 bytes of positions, not 2"],
    [
      "a descending pair that rows share",
      { shape: [6, 8], rowsPerPattern: 3, positions: Uint8Array.of(0x44, 0x41) },
      OptionError,
      "row 3 has no two ascending positions for inputs 0–3",
    ],
    [
      "a repeated position",
      { positions: new Uint8Array(6) },
      OptionError,
      "row 0 has no two ascending positions",
    ],
  ])("should refuse %s and name the weight", (_, change, error, message) => {
    const pack = () => Sparse24Weight.pack({ ...good, ...change, name: "layers.0.up" });
    expect(pack).toThrow(error);
    expect(pack).toThrow(message);
    expect(pack).toThrow("layers.0.up");
  });
});

describe("sparse24Matmul", () => {
  it("should multiply rows, a vector and batches by the transposed weight", () => {
    const parts = partsOf(5, 16);
    using weight = Sparse24Weight.pack(parts);
    const batch = new Random(3).normal([2, 3, 16]);
    const expected = batch.matmul(weight.toDense().transpose());
    const product = sparse24Matmul(batch, weight);
    expect(product.shape).toEqual([2, 3, 5]);
    expect(product.readSync()).toEqual(expected.readSync());
    const vector = batch.slice([1, 2], [2, 3]).reshape([16]);
    expect(sparse24Matmul(vector, weight).readSync()).toEqual(expected.readSync().slice(25));
  });

  it("should unpack a large weight in stretches", async () => {
    const [out, inputs] = [265, 2048];
    using weight = Sparse24Weight.pack(partsOf(out, inputs));
    const x = new Random(3).normal([1, inputs]);
    const dense = weight.toDense();
    expect(sparse24Matmul(x, weight).readSync()).toEqual(x.matmul(dense.transpose()).readSync());
    const g = new Random(4).normal([1, out]);
    const pulled = grad((x) => sparse24Matmul(x, weight).mul(g).sum())(x);
    const difference = pulled.sub(g.matmul(dense)).abs().max();
    expect(await difference.toNested()).toBeLessThan(1e-4);
  });

  it("should leave nothing allocated", () => {
    const backend = createCpuBackend();
    const weight = Sparse24Weight.pack(partsOf(4, 8), backend);
    tidy(() => {
      const x = new Random(1).normal([2, 8], { backend });
      grad((x) => sparse24Matmul(x, weight).square().sum())(x);
    });
    weight.dispose();
    expect(backend.capabilities.allocatedBytes()).toBe(0);
    expect(weight.isDisposed).toBe(true);
  });

  it("should refuse what does not fit", () => {
    const weight = Sparse24Weight.pack(partsOf(4, 8));
    const x = tensor([[1, 2, 3, 4, 5, 6, 7, 8]]);
    expect(() => sparse24Matmul(x.transpose(), weight)).toThrow(ShapeError);
    expect(() => sparse24Matmul(x.cast("bf16"), weight)).toThrow(DTypeError);
    const elsewhere = fromArray(Array(8).fill(1), [8], { backend: createCpuBackend() });
    expect(() => sparse24Matmul(elsewhere, weight)).toThrow(BackendError);
    expect(weight.backend).toBe(cpu);
    weight.dispose();
    expect(() => sparse24Matmul(x, weight)).toThrow(DisposedError);
  });
});
