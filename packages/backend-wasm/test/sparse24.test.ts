import {
  compressSparse24,
  cpu,
  encodeBFloat16,
  fromArray,
  grad,
  Random,
  type Sparse24Parts,
  Sparse24Weight,
  shareSparse24,
  sparse24Matmul,
  type Tensor,
} from "@denoise-rotator/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tilesOf } from "../src/emit/sparse24-tile.js";
import { packedProducts, type WasmBackend, wasm } from "../src/index.js";
import { panelsOf } from "../src/kernels/sparse24.js";

/** A random W `[out, in]` with two nonzeros in every four, at the same places in `rows` consecutive rows. */
function sparseParts(
  out: number,
  inputs: number,
  seed: number,
  dtype: "f32" | "bf16" = "f32",
  rows = 1,
): Sparse24Parts {
  const random = new Random(seed);
  const dense = new Float32Array(out * inputs);
  const pairs: number[][] = [];
  for (let at = 0; at < dense.length; at += 4) {
    const [row, group] = [Math.floor(at / inputs), (at % inputs) / 4];
    if (row % rows === 0) {
      const first = random.integer(4);
      pairs[group] = [first, (first + 1 + random.integer(3)) % 4];
    }
    for (const position of pairs[group]!) dense[at + position] = random.nextNormal();
  }
  return compressSparse24(dtype === "f32" ? dense : encodeBFloat16(dense), [out, inputs])!;
}

let backends: WasmBackend[];
beforeAll(async () => {
  backends = await Promise.all([1, 2, 3].map((threads) => wasm({ threads, maxMemoryBytes: 256 << 20 })));
});
afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

function product(backend: WasmBackend, parts: Sparse24Parts, x: Float32Array): Float32Array {
  const [out, inputs] = parts.shape;
  using weight = Sparse24Weight.pack(parts, backend);
  using rows = fromArray(x, [x.length / inputs, inputs], { backend });
  using y = sparse24Matmul(rows, weight);
  expect(y.shape).toEqual([x.length / inputs, out]);
  return y.readSync() as Float32Array;
}

const normals = (count: number, seed: number): Float32Array => {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.nextNormal());
};

describe("sparse24Matmul on wasm", () => {
  it.each([
    ["one token", 1, 2000, 800, "f32"],
    ["few tokens", 5, 1000, 400, "bf16"],
    ["many tokens", 90, 500, 408, "f32"],
    ["many tokens of bf16 weights", 70, 600, 200, "bf16"],
    ["one panel of tokens, bf16 weights", 16, 3300, 208, "bf16"],
    ["one token, shared positions", 1, 2000, 800, "f32", 16],
    ["many tokens, shared positions", 90, 480, 408, "bf16", 32],
  ] as const)("should give the same bits on any number of threads: %s", (...sample) => {
    const [, tokens, out, inputs, dtype, rows] = sample;
    const parts = sparseParts(out, inputs, 1, dtype, rows);
    const x = normals(tokens * inputs, 2);
    const [alone, ...shared] = backends.map((backend) => product(backend, parts, x));
    for (const result of shared) expect(result).toEqual(alone);
  });

  it("should give a token the same bits whatever stands beside it", () => {
    const [backend] = backends as [WasmBackend];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 80 }),
        fc.integer({ min: 2, max: 60 }),
        fc.constantFrom("f32", "bf16"),
        fc.nat(),
        (out, eighths, tokens, dtype, seed) => {
          const inputs = 8 * eighths;
          const parts = sparseParts(out, inputs, seed, dtype);
          const x = normals(tokens * inputs, seed + 1);
          const all = product(backend, parts, x);
          for (const token of [0, tokens - 1]) {
            const own = product(backend, parts, x.slice(token * inputs, (token + 1) * inputs));
            expect(own).toEqual(all.slice(token * out, (token + 1) * out));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("should give the same bits where rows share positions, told or found out, as where each has its own", () => {
    const [backend] = backends as [WasmBackend];
    fc.assert(
      fc.property(
        fc.constantFrom(4, 12, 16, 32, 48),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 50 }),
        fc.constantFrom(1, 2, 5, 8, 15, 16, 40, 70),
        fc.constantFrom("f32", "bf16"),
        fc.nat(),
        (rows, blocks, eighths, tokens, dtype, seed) => {
          const [out, inputs] = [rows * blocks, 8 * eighths];
          const parts = sparseParts(out, inputs, seed, dtype, rows);
          const x = normals(tokens * inputs, seed + 1);
          // Pairs of rows have no kernels of their own.
          const expected = product(backend, shareSparse24(parts, 2)!, x);
          expect(product(backend, parts, x)).toEqual(expected);
          expect(product(backend, shareSparse24(parts, rows)!, x)).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("should keep shared positions in less memory", () => {
    const [backend] = backends as [WasmBackend];
    const bytes = (rows: number): number => {
      using weight = Sparse24Weight.pack(sparseParts(64, 64, 1, "bf16", rows), backend);
      return weight.byteLength / (64 * 64);
    };
    expect([1, 4, 16, 64].map(bytes)).toEqual([1.125, 1.0625, 1.0625, 1.0625]);
  });

  it("should err no more than the dense product", async () => {
    const [out, inputs, tokens] = [96, 4096, 24];
    const [backend] = backends as [WasmBackend];
    const parts = sparseParts(out, inputs, 5);
    const x = normals(tokens * inputs, 6);
    using weight = Sparse24Weight.pack(parts, backend);
    using rows = fromArray(x, [tokens, inputs], { backend });
    using W = weight.toDense();
    using transposed = W.transpose();
    using exactRows = fromArray(x, [tokens, inputs], { backend: cpu, dtype: "f64" });
    using onCpu = await transposed.to(cpu);
    using wide = onCpu.cast("f64");
    using exact = exactRows.matmul(wide);
    const expected = exact.readSync();
    const rms = (actual: Tensor): number => {
      using y = actual;
      const squares = y.readSync().map((value, i) => (value - expected[i]!) ** 2) as Float32Array;
      return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
    };
    expect(rms(sparse24Matmul(rows, weight))).toBeLessThan(rms(rows.matmul(transposed)));
  });

  it("should differentiate through the unpacked weight and keep nothing of it", () => {
    for (const backend of backends) {
      const before = backend.capabilities.allocatedBytes();
      const weight = Sparse24Weight.pack(sparseParts(300, 200, 3), backend);
      expect(weight.byteLength).toBeLessThan(0.6 * 4 * 304 * 208);
      const g = fromArray(normals(7 * 300, 4), [7, 300], { backend });
      const x = fromArray(normals(7 * 200, 5), [7, 200], { backend });
      const pulled = grad((x) => sparse24Matmul(x, weight).mul(g).sum())(x);
      const dense = weight.toDense();
      const expected = g.matmul(dense);
      expect(pulled.readSync()).toEqual(expected.readSync());
      for (const one of [weight, g, x, pulled, dense, expected]) one.dispose();
      expect(backend.capabilities.allocatedBytes()).toBe(before);
    }
  });
});

describe("panelsOf", () => {
  it("should leave fewer places empty than the narrowest panel has", () => {
    for (const separateSteps of [false, true]) {
      const tile = { rows: 4, columns: 8, fma: false, unroll: 8, depth: 320, separateSteps };
      for (let tokens = 1; tokens < 400; tokens++) {
        const tiles = tilesOf(tile);
        const places = panelsOf(tiles, tokens).reduce(
          (sum, count, i) => sum + 4 * tiles[i]!.vectors * count,
          0,
        );
        expect(places).toBeGreaterThanOrEqual(tokens);
        expect(places - tokens).toBeLessThan(separateSteps ? 4 : 16);
      }
    }
  });
});

describe("packedProducts", () => {
  it("should compute one product in every way that suits the tokens", async () => {
    const products = await packedProducts(2);
    const shape = { out: 52, inputs: 400, tokens: 20, streamBytes: 1 << 18 };
    const names = products.measure(shape, (contenders) =>
      [1, 4, 20].flatMap((tokens) => {
        const suiting = contenders.filter((one) => one.suits(tokens));
        const firsts = new Map<number, Float32Array>();
        for (const { name, rowsPerPattern, run, result } of suiting) {
          run(tokens, 1);
          const own = result(tokens);
          const first = firsts.get(rowsPerPattern) ?? own;
          firsts.set(rowsPerPattern, first);
          const slack = name.endsWith("bf16") ? 0.1 : 1e-4;
          own.forEach((y, at) => {
            expect(Math.abs(y - first[at]!)).toBeLessThan(slack);
          });
        }
        return suiting.map(({ name }) => name);
      }),
    );
    await products.dispose();
    expect(new Set(names).size).toBe(8);
  });
});
