import type { Dense, Work, WorkCheck } from "../contender.js";
import { spread, uniform } from "./random.js";

/** C = A·B, or a batch of them: sizes m, n, k, batch. */
export const gemm = (m: number, n: number, k: number, batch = 1): Work => ({
  name: `gemm-${batch > 1 ? `${batch}x` : ""}${m === n && n === k ? m : `${m}x${n}x${k}`}`,
  kind: "gemm",
  sizes: [m, n, k, batch],
  flops: 2 * batch * m * n * k,
  bytes: 4 * batch * (m * k + k * n + m * n),
});

/** y = x·Wᵀ with x `[tokens, in]`, W `[out, in]`, as a linear layer of a language model computes it. */
export const linear = (tokens: number, outputs: number, inputs: number): Work => ({
  name: `linear-${tokens}x${outputs}x${inputs}`,
  kind: "linear",
  sizes: [tokens, outputs, inputs],
  flops: 2 * tokens * outputs * inputs,
  bytes: 4 * (tokens * inputs + outputs * inputs + tokens * outputs),
});

/** Rows of a product that are computed in f64 to check it. */
const checkedRows = 24;

/** Error: ‖C − C₆₄‖_F / ‖C₆₄‖_F over a spread of rows. */
export const gemmCheck: WorkCheck = {
  inputs({ sizes }) {
    const [m, n, k, batch] = sizes as [number, number, number, number];
    const stack = batch > 1 ? [batch] : [];
    return [uniform([...stack, m, k], 1), uniform([...stack, k, n], 2)];
  },
  error({ sizes }, [a, b], [c]) {
    const [m, n, k, batch] = sizes as [number, number, number, number];
    const distance = new Distance();
    for (const row of spread(batch * m, checkedRows)) {
      const right = b!.data.subarray(Math.floor(row / m) * k * n);
      const expected = rowTimesMatrix(a!.data.subarray(row * k, (row + 1) * k), right, n);
      distance.add(c!.data.subarray(row * n, (row + 1) * n), expected);
    }
    return distance.relative;
  },
  tolerance: 1e-5,
};

/** Error as for {@link gemmCheck}. */
export const linearCheck: WorkCheck = {
  inputs: ({ sizes: [tokens, outputs, inputs] }) => [
    uniform([tokens!, inputs!], 1),
    uniform([outputs!, inputs!], 2),
  ],
  error({ sizes }, [x, weight], [y]) {
    const [tokens, outputs] = sizes as [number, number];
    const distance = new Distance();
    for (const row of spread(tokens, checkedRows)) {
      const input = rowOf(x!, row);
      const expected = Float64Array.from({ length: outputs }, (_, j) => dot(input, rowOf(weight!, j)));
      distance.add(y!.data.subarray(row * outputs, (row + 1) * outputs), expected);
    }
    return distance.relative;
  },
  tolerance: 1e-5,
};

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Causal attention over one sequence: sizes heads, tokens, head dimension. Only what the mask leaves counts as FLOPs. */
export const attention = (heads: number, tokens: number, dim: number): Work => ({
  name: `attention-${heads}x${tokens}x${dim}`,
  kind: "attention",
  sizes: [heads, tokens, dim],
  flops: 2 * heads * tokens * (tokens + 1) * dim,
  bytes: 0,
});

/** q, k, v `[1, heads, tokens, dim]`. Error as for products. */
export const attentionCheck: WorkCheck = {
  inputs({ sizes }) {
    const shape = [1, ...sizes];
    return [1, 2, 3].map((seed) => {
      const dense = uniform(shape, seed);
      // Logits of a spread that makes softmax choose.
      if (seed < 3) for (let i = 0; i < dense.data.length; i++) dense.data[i]! *= 4;
      return dense;
    });
  },
  error({ sizes }, [q, k, v], [out]) {
    const [heads, tokens, dim] = sizes as [number, number, number];
    const distance = new Distance();
    for (const row of spread(heads * tokens, checkedRows)) {
      const token = row % tokens;
      const head = (row - token) * dim;
      const query = q!.data.subarray(row * dim, (row + 1) * dim);
      const weights = new Float64Array(token + 1);
      for (let s = 0; s <= token; s++) {
        let dot = 0;
        for (let i = 0; i < dim; i++) dot += query[i]! * k!.data[head + s * dim + i]!;
        weights[s] = dot / Math.sqrt(dim);
      }
      const most = weights.reduce((a, b) => Math.max(a, b));
      const exps = weights.map((x) => Math.exp(x - most));
      const total = exps.reduce((a, b) => a + b);
      const expected = rowTimesMatrix(exps, v!.data.subarray(head), dim).map((x) => x / total);
      distance.add(out!.data.subarray(row * dim, (row + 1) * dim), expected);
    }
    return distance.relative;
  },
  tolerance: 1e-4,
};

/** Relative distance in the Frobenius norm, summed over pieces. */
export class Distance {
  #difference = 0;
  #norm = 0;

  add(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
    for (let i = 0; i < expected.length; i++) {
      this.#difference += (actual[i]! - expected[i]!) ** 2;
      this.#norm += expected[i]! ** 2;
    }
  }

  get relative(): number {
    return Math.sqrt(this.#difference / this.#norm);
  }
}

/** x·B in f64 with B's first `x.length` rows of `n` elements. */
export function rowTimesMatrix(x: ArrayLike<number>, b: Float32Array, n: number): Float64Array {
  const out = new Float64Array(n);
  for (let p = 0; p < x.length; p++) {
    const factor = x[p]!;
    if (factor === 0) continue;
    for (let j = 0; j < n; j++) out[j]! += factor * b[p * n + j]!;
  }
  return out;
}

/** Row `i` of an m × n array. */
export const rowOf = ({ shape, data }: Dense, i: number): Float32Array => {
  const n = shape.at(-1)!;
  return data.subarray(i * n, (i + 1) * n);
};
