import {
  type Backend,
  compressSparse24,
  encodeBFloat16,
  fromArray,
  type Sparse24Form,
  type Sparse24Parts,
  Sparse24Weight,
  shareSparse24,
  sparse24Matmul,
  toNumbers,
} from "@denoise-rotator/core";
import fc from "fast-check";
import { expectClose, type WatchedTolerance } from "../compare.js";
import { execute } from "../execute.js";
import { type HostOperand, hostOperand, type Layout, roundTo, valuesOf } from "../host-operand.js";
import { type ConformanceCase, propertyCase, type Settings } from "../kernel-case.js";
import { layouts, seeds } from "../layouts.js";
import { draw, ordinary } from "../values.js";

interface Sample {
  readonly out: number;
  readonly inputs: number;
  readonly dtype: "f32" | "bf16";
  /** Rows whose positions are those of the row above. */
  readonly shared: number;
  /** Whether the backend is told so, where they fill `out`. */
  readonly told: boolean;
  readonly x: Layout;
  readonly y: Layout;
  readonly dense: Layout;
  readonly seed: number;
}

const samples = (
  tokens: fc.Arbitrary<number>,
  rows: fc.Arbitrary<number>,
  eighths: fc.Arbitrary<number>,
): fc.Arbitrary<Sample> =>
  fc.tuple(tokens, rows, eighths).chain(([m, out, count]) => {
    const inputs = 8 * count;
    return fc.record({
      out: fc.constant(out),
      inputs: fc.constant(inputs),
      dtype: fc.constantFrom("f32", "bf16"),
      shared: fc.constantFrom(1, 1, 2, 4, 12, 16, 32, out),
      told: fc.boolean(),
      x: layouts([m, inputs], { broadcast: true }),
      y: layouts([m, out], { strides: "dense" }),
      dense: layouts([out, inputs], { strides: "dense" }),
      seed: seeds,
    });
  });

/** A random W with two kept weights, now and then zeros, in every four. */
function drawWeight({ out, inputs, dtype, shared, seed }: Sample): Float64Array {
  const next = draw(seed, (random) => (random.next() < 0.05 ? 0 : random.nextNormal()));
  const pick = draw(seed + 1, (random) => random.integer(12));
  const W = new Float64Array(out * inputs);
  const pairs: number[] = [];
  for (let group = 0; group < W.length / 4; group++) {
    const row = Math.floor((4 * group) / inputs);
    const pair = row % shared === 0 ? pick() : pairs[group - inputs / 4]!;
    pairs.push(pair);
    const first = pair % 4;
    for (const position of [first, (first + 1 + Math.floor(pair / 4)) % 4]) {
      W[4 * group + position] = roundTo(dtype, next());
    }
  }
  return W;
}

function partsOf(W: Float64Array, { out, inputs, dtype, shared, told }: Sample): Sparse24Parts {
  const parts = compressSparse24(dtype === "f32" ? new Float32Array(W) : encodeBFloat16(W), [out, inputs])!;
  return told && out % shared === 0 ? shareSparse24(parts, shared)! : parts;
}

/** x·Wᵀ in f64, and Σ|terms|. */
function product(x: ArrayLike<number>, W: Float64Array, m: number, { out, inputs }: Sample) {
  const sums = new Float64Array(m * out);
  const sizes = new Float64Array(m * out);
  for (let at = 0; at < sums.length; at++) {
    const [row, column] = [Math.floor(at / out), at % out];
    for (let k = 0; k < inputs; k++) {
      const term = x[row * inputs + k]! * W[column * inputs + k]!;
      sums[at]! += term;
      sizes[at]! += Math.abs(term);
    }
  }
  return { sums, sizes, scales: sizes.map((size) => size * inputs) };
}

async function checkKernels(backend: Backend, tolerance: WatchedTolerance, sample: Sample): Promise<void> {
  const W = drawWeight(sample);
  const { words, ...how } = backend.arrangeSparse24!(partsOf(W, sample));
  const form: Sparse24Form = { shape: [sample.out, sample.inputs], dtype: sample.dtype, ...how };
  const x = hostOperand("f32", sample.x, draw(sample.seed + 2, ordinary));
  const [m] = sample.x.shape as [number, number];
  const layout: Layout = { shape: [words.length], strides: [1], offset: 0, length: words.length };
  const arranged: HostOperand = { dtype: "i32", layout, elements: Float64Array.from(words) };
  const [y, dense] = await execute(backend, {
    inputs: [x, arranged],
    outs: [
      { dtype: "f32", layout: sample.y },
      { dtype: "f32", layout: sample.dense },
    ],
    invoke: (kernels, [x, words], [y, dense]) => {
      kernels.sparse24Matmul!(x!, words!, y!, form);
      kernels.sparse24Unpack!(words!, dense!, form);
    },
  });
  const expected = product(valuesOf(x), W, m, sample);
  const context = { dtype: "f32" as const, shape: sample.y.shape };
  const { sums, sizes, scales } = expected;
  expectClose(y!, sums, { ...context, what: "sparse24Matmul" }, tolerance, scales, sizes);
  expectClose(dense!, W, { what: "sparse24Unpack", dtype: "f32", shape: sample.dense.shape }, {});
}

/** What users call, with kernels or without: the product, its gradient, and the dense matrix. */
async function checkWeight(backend: Backend, tolerance: WatchedTolerance, sample: Sample): Promise<void> {
  const W = drawWeight(sample);
  const [m] = sample.x.shape as [number, number];
  const next = draw(sample.seed + 2, ordinary);
  const values = Float32Array.from({ length: m * sample.inputs }, next);
  using weight = Sparse24Weight.pack(partsOf(W, sample), backend);
  using x = fromArray(values, [m, sample.inputs], { backend });
  using y = sparse24Matmul(x, weight);
  const { sums, scales } = product(values, W, m, sample);
  const context = { what: "sparse24Matmul", dtype: "f32" as const, shape: y.shape };
  expectClose(Float64Array.from(await toNumbers(y)), sums, context, tolerance, scales);
  using dense = weight.toDense();
  expectClose(Float64Array.from(await toNumbers(dense)), W, { ...context, what: "toDense" }, {});
}

/** Few and many tokens, sizes around tiles and blocks, both dtypes, positions that rows share and that they do not. */
export function sparse24Cases(settings: Settings): ConformanceCase[] {
  const tokens = fc.constantFrom(0, 1, 1, 2, 3, 4, 5, 7, 15, 16, 17, 31, 32, 33, 70);
  const rows = fc.constantFrom(1, 3, 15, 16, 17, 32, 33, 48, 65);
  const eighths = fc.constantFrom(1, 2, 3, 5, 23, 24, 25, 50);
  return [
    propertyCase(
      "2:4-sparse kernels",
      "sparse24Matmul",
      settings,
      () => samples(tokens, rows, eighths),
      (backend, sample) => checkKernels(backend, settings.tolerances.sparse24Matmul, sample),
    ),
    propertyCase(
      "2:4-sparse weights",
      undefined,
      { ...settings, runs: Math.ceil(settings.runs / 5) },
      () => samples(fc.constantFrom(0, 1, 3, 17), fc.integer({ min: 1, max: 20 }), fc.constantFrom(1, 2, 5)),
      (backend, sample) => checkWeight(backend, settings.tolerances.sparse24Matmul, sample),
    ),
  ];
}
