import {
  attention,
  type Backend,
  cpu,
  crossEntropy,
  entropy,
  type FusedKernels,
  fromArray,
  gram,
  type Kernels,
  type Operand,
  rmsNorm,
  rope,
  softmax,
  swiglu,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import fc from "fast-check";
import { expectClose, largestFinite } from "../compare.js";
import { type Destination, execute } from "../execute.js";
import { type HostOperand, hostOperand, type Layout, valuesOf } from "../host-operand.js";
import { type ConformanceCase, propertyCase, type Settings } from "../kernel-case.js";
import { dims, layouts, seeds, shapes } from "../layouts.js";
import { draw, indicesInto, nonNegative, ordinary, ordinaryWithSpecials, type Values } from "../values.js";

/** A fused kernel's call beside core's composition of it. */
interface FusedCall {
  readonly inputs: readonly HostOperand[];
  readonly out: Destination;
  invoke(kernels: Kernels, inputs: readonly Operand[], out: Operand): void;
  /** The composition, of the inputs as f64 tensors (i32 ones as they are) on the cpu backend. */
  compose(inputs: readonly Tensor[]): Tensor;
  readonly scale?: number;
  /** What errors are relative to where they are told, if not as the tolerance says. */
  readonly size?: number;
}

async function expectComposition(
  backend: Backend,
  kernel: keyof FusedKernels,
  settings: Settings,
  call: FusedCall,
): Promise<void> {
  const { shape } = call.out.layout;
  const [actual] = await execute(backend, {
    inputs: call.inputs,
    outs: [call.out],
    invoke: (kernels, inputs, [out]) => call.invoke(kernels, inputs, out!),
  });
  const tensors = call.inputs.map((input) =>
    fromArray(valuesOf(input), input.layout.shape, {
      dtype: input.dtype === "i32" ? "i32" : "f64",
      backend: cpu,
    }),
  );
  const composed = tidy(() => call.compose(tensors));
  try {
    const expected = (await composed.read()) as Float64Array;
    const scales = new Float64Array(expected.length).fill(call.scale ?? 0);
    expectClose(
      actual!,
      expected,
      { what: kernel, dtype: "f32", shape },
      settings.tolerances[kernel],
      scales,
      call.size === undefined ? undefined : new Float64Array(expected.length).fill(call.size),
    );
  } finally {
    composed.dispose();
    for (const tensor of tensors) tensor.dispose();
  }
}

/** Inputs of given shapes with any layouts, a contiguous output, a seed. */
const sample = (inputs: readonly (readonly number[])[], out: readonly number[]) =>
  fc.record({
    inputs: fc.tuple(...inputs.map((shape) => layouts(shape))),
    out: layouts(out, { strides: "dense" }),
    seed: seeds,
  });
type Sample = { readonly inputs: readonly Layout[]; readonly out: Layout; readonly seed: number };

function fusedCase<T extends Sample>(
  kernel: keyof FusedKernels,
  settings: Settings,
  samples: fc.Arbitrary<T>,
  call: (sample: T, input: (index: number, values?: Values) => HostOperand) => FusedCall,
): ConformanceCase {
  return propertyCase(
    `fused ${kernel}`,
    kernel,
    { ...settings, runs: settings.runs * 2 },
    () => samples,
    (backend, one) => {
      const input = (index: number, values: Values = ordinary) =>
        hostOperand("f32", one.inputs[index]!, draw(one.seed + index, values));
      return expectComposition(backend, kernel, settings, call(one, input));
    },
  );
}

const f32 = (layout: Layout): Destination => ({ dtype: "f32", layout });
/** Shapes whose last axis is not empty. */
const rows = (options: { minRank?: number; maxRank?: number } = {}) =>
  shapes({ minRank: 1, maxRank: 3, ...options }).map((shape) => shape.with(-1, Math.max(1, shape.at(-1)!)));

const softmaxCase = (settings: Settings): ConformanceCase =>
  fusedCase(
    "softmax",
    settings,
    rows().chain((shape) => fc.record({ ...recordOf(shape), specials: fc.boolean() })),
    ({ out, specials }, input) => ({
      inputs: [input(0, specials ? ordinaryWithSpecials : (random) => 4 * random.nextNormal())],
      out: f32(out),
      invoke: (kernels, [x], y) => kernels.softmax!(x!, y),
      compose: ([x]) => softmax(x!),
    }),
  );
const recordOf = (shape: readonly number[]) => ({
  inputs: fc.tuple(layouts(shape)),
  out: layouts(shape, { strides: "dense" }),
  seed: seeds,
});

const crossEntropyCase = (settings: Settings): ConformanceCase =>
  fusedCase(
    "crossEntropy",
    settings,
    fc.tuple(dims(), dims(60)).chain(([n, v]) => sample([[n, Math.max(1, v)], [n]], [n])),
    ({ inputs: [logits, targets], out, seed }, input) => ({
      inputs: [
        input(0, (random) => 4 * random.nextNormal()),
        hostOperand("i32", targets!, draw(seed + 1, indicesInto(logits!.shape[1]!))),
      ],
      out: f32(out),
      invoke: (kernels, [x, at], y) => kernels.crossEntropy!(x!, at!, y),
      compose: ([x, at]) => crossEntropy(x!, at!),
    }),
  );

const rmsNormCase = (settings: Settings): ConformanceCase =>
  fusedCase(
    "rmsNorm",
    settings,
    rows().chain((shape) => sample([shape, shape.slice(-1)], shape)),
    ({ out }, input) => ({
      inputs: [input(0), input(1)],
      out: f32(out),
      invoke: (kernels, [x, gain], y) => kernels.rmsNorm!(x!, gain!, y, { eps: 1e-5 }),
      compose: ([x, gain]) => rmsNorm(x!, gain!, 1e-5),
    }),
  );

const ropeCase = (settings: Settings): ConformanceCase =>
  fusedCase(
    "rope",
    settings,
    fc.tuple(fc.array(dims(3), { maxLength: 2 }), dims(6), dims(9)).chain(([leading, t, half]) =>
      sample(
        [
          [...leading, t, 2 * half],
          [t, half],
          [t, half],
        ],
        [...leading, t, 2 * half],
      ),
    ),
    ({ out }, input) => ({
      inputs: [
        input(0),
        input(1, (random) => Math.cos(6 * random.next())),
        input(2, (random) => Math.sin(6 * random.next())),
      ],
      out: f32(out),
      invoke: (kernels, [x, cosine, sine], y) => kernels.rope!(x!, cosine!, sine!, y),
      compose: ([x, cosine, sine]) => rope(x!, cosine!, sine!),
    }),
  );

const attentionSamples = fc
  .record({
    batch: fc.integer({ min: 0, max: 2 }),
    groups: fc.integer({ min: 1, max: 3 }),
    perGroup: fc.integer({ min: 1, max: 3 }),
    queries: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant(19)),
    // Fewer keys than queries: some see none. Many more: kernels that go block by block take several.
    more: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: -3, max: 5 }) },
      { weight: 1, arbitrary: fc.integer({ min: 300, max: 700 }) },
    ),
    width: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(16)),
    causal: fc.boolean(),
    scale: fc.constantFrom(1, 0.25),
  })
  .chain(({ batch, groups, perGroup, queries, more, width, causal, scale }) => {
    const q = [batch, groups * perGroup, queries, width];
    const k = [batch, groups, Math.max(1, queries + more), width];
    return fc.record({
      inputs: fc.tuple(layouts(q), layouts(k), layouts(k)),
      out: layouts(q, { strides: "dense" }),
      seed: seeds,
      options: fc.constant({ causal, scale }),
    });
  });
const attentionCase = (settings: Settings): ConformanceCase =>
  fusedCase("attention", settings, attentionSamples, ({ out, options }, input) => ({
    inputs: [input(0), input(1), input(2)],
    out: f32(out),
    invoke: (kernels, [q, k, v], y) => kernels.attention!(q!, k!, v!, y, options),
    compose: ([q, k, v]) => attention(q!, k!, v!, options),
  }));

const swigluCase = (settings: Settings): ConformanceCase =>
  fusedCase(
    "swiglu",
    settings,
    shapes({ maxRank: 3 }).chain((shape) => sample([shape, shape], shape)),
    ({ out }, input) => ({
      inputs: [input(0, (random) => 8 * random.nextNormal()), input(1)],
      out: f32(out),
      invoke: (kernels, [gate, up], y) => kernels.swiglu!(gate!, up!, y),
      compose: ([gate, up]) => swiglu(gate!, up!),
    }),
  );

const rowEntropyCase = (settings: Settings): ConformanceCase =>
  fusedCase(
    "rowEntropy",
    settings,
    fc.tuple(dims(), dims(60)).chain(([n, d]) => sample([[n, Math.max(1, d)]], [n])),
    ({ out }, input) => ({
      inputs: [input(0, nonNegative)],
      out: f32(out),
      invoke: (kernels, [x], y) => kernels.rowEntropy!(x!, y),
      compose: ([x]) => entropy(x!),
    }),
  );

const syrkCase = (settings: Settings): ConformanceCase =>
  fusedCase(
    "syrk",
    settings,
    fc.tuple(dims(40), dims(40)).chain(([n, d]) =>
      fc.record({
        inputs: fc.tuple(layouts([n, d])),
        out: layouts([d, d], { strides: "rows" }),
        seed: seeds,
        options: fc.record({ accumulate: fc.boolean(), alpha: fc.constantFrom(1, -0.5, 2) }),
      }),
    ),
    ({ inputs: [x], out, seed, options }, input) => {
      const [n, d] = x!.shape as [number, number];
      const half = draw(seed + 1, ordinary);
      const before = hostOperand("f32", out, half);
      const start = fromArray(valuesOf(before), [d, d], { dtype: "f64", backend: cpu });
      const compose = ([y]: readonly Tensor[]) => {
        const product = gram(y!).mul(options.alpha);
        return options.accumulate ? product.add(start) : product;
      };
      const factor = input(0);
      const carried = options.accumulate ? largestFinite(before.elements) : 0;
      return {
        inputs: [factor],
        out: options.accumulate ? before : f32(out),
        invoke: (kernels, [y], result) => kernels.syrk!(y!, result, options),
        compose: (tensors) => {
          try {
            return compose(tensors);
          } finally {
            start.dispose();
          }
        },
        scale: (n + 2) * (16 * n + 4),
        size: Math.abs(options.alpha) * longestColumn(valuesOf(factor), d) + carried,
      };
    },
  );

/** The largest Σx² of the columns of x `[n, d]`. */
const longestColumn = (values: Float64Array, d: number): number => {
  const sums = new Float64Array(d);
  values.forEach((x, at) => {
    sums[at % d]! += x * x;
  });
  return largestFinite(sums);
};

/** Every fused kernel against core's composition in f64; kernels the backend leaves out are skipped. */
export const fusedCases = (settings: Settings): ConformanceCase[] => [
  softmaxCase(settings),
  crossEntropyCase(settings),
  rmsNormCase(settings),
  ropeCase(settings),
  attentionCase(settings),
  swigluCase(settings),
  rowEntropyCase(settings),
  syrkCase(settings),
];
