import { type Engine, withTemporary } from "../engine/engine.js";
import { gemm, type Product } from "./gemm.js";

/** Sizes around the edges of tiles and of stretches of k. */
const sizes = [
  [2, 2, 1],
  [5, 17, 3],
  [6, 16, 8],
  [13, 33, 391],
  [31, 50, 64],
  [97, 130, 770],
] as const;

/** Values in [−1, 1) with, now and then, one that is not finite or denormal. */
function awkwardValues(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    const share = (state >>> 8) / 2 ** 24;
    if (share < 1e-4) return [Number.NaN, Number.POSITIVE_INFINITY, 1e-42, -0][state & 3]!;
    return 2 * share - 1;
  });
}

/**
 * Whether the turbo kernels give what the plain ones give: the same bits where both round alike, else within the bound
 * of a sum's rounding.
 */
export function agreesWithPlain(turbo: Engine, plain: Engine): boolean {
  const [fast, slow] = [turbo.features.tile, plain.features.tile];
  const sameBits = fast.fma === slow.fma && fast.depth === slow.depth;
  return sizes.every(([m, n, k], index) =>
    [0, 1, 2, 3].every((orientation) => {
      const product = { m, n, k, orientation, seed: 1 + index };
      const [actual, expected] = [turbo, plain].map((engine) => sampleProduct(engine, product));
      const slack = sameBits ? 0 : 4e-7 * k;
      return actual!.every(
        (value, i) => Object.is(value, expected![i]!) || Math.abs(value - expected![i]!) <= slack,
      );
    }),
  );
}

interface Sample {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Bit 0: A is transposed, bit 1: B is. */
  readonly orientation: number;
  readonly seed: number;
}

function sampleProduct(engine: Engine, { m, n, k, orientation, seed }: Sample): Float32Array {
  return withTemporary(engine, 4 * m * k, (a) =>
    withTemporary(engine, 4 * k * n, (b) =>
      withTemporary(engine, 4 * m * n, (out) => {
        const { f32 } = engine.memory;
        f32.set(awkwardValues(m * k, seed), a.address >>> 2);
        f32.set(awkwardValues(k * n, seed + 99), b.address >>> 2);
        f32.set(awkwardValues(m * n, seed + 7), out.address >>> 2);
        const [aTransposed, bTransposed] = [(orientation & 1) !== 0, (orientation & 2) !== 0];
        const product: Product = {
          ...{ m, n, k, out: out.address, outStride: n, alpha: orientation === 1 ? 0.5 : 1 },
          a: { address: a.address, stride: aTransposed ? m : k, transposed: aTransposed },
          b: { address: b.address, stride: bTransposed ? k : n, transposed: bTransposed },
          accumulate: orientation === 2,
        };
        gemm(engine, product);
        const start = out.address >>> 2;
        return f32.slice(start, start + m * n);
      }),
    ),
  );
}
