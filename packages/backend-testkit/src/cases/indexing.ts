import { type Backend, type DType, sizeOf } from "@denoise-rotator/core";
import fc from "fast-check";
import { expectedResults, type KernelCall } from "../execute.js";
import { hostOperand, type Layout } from "../host-operand.js";
import {
  type ConformanceCase,
  computedBy,
  expectAgreement,
  floatsOf,
  propertyCase,
  type Settings,
} from "../kernel-case.js";
import { layouts, seeds, shapes } from "../layouts.js";
import { anyValue, draw, indicesInto, integers, summable, tied } from "../values.js";

interface Indexed {
  readonly dtype: DType;
  /** What is indexed, and the slices. */
  readonly whole: Layout;
  readonly slices: Layout;
  readonly indices: Layout;
  readonly axis: number;
  readonly seed: number;
}

/** `read`: slices are gathered from anywhere into a dense output; otherwise scattered onto a dense one. */
const indexed = (dtypes: readonly DType[], read: boolean): fc.Arbitrary<Indexed> =>
  fc
    .tuple(shapes({ minRank: 1, maxRank: 3, maxSize: 120 }), shapes({ maxRank: 2, maxSize: 20 }), fc.nat())
    .chain(([shape, positions, choice]) => {
      const axis = choice % shape.length;
      const result = [...shape.slice(0, axis), ...positions, ...shape.slice(axis + 1)];
      const source = { broadcast: true } as const;
      const target = { strides: "dense" } as const;
      return fc.record({
        dtype: fc.constantFrom(...dtypes),
        whole: layouts(shape, read ? source : target),
        slices: layouts(result, read ? target : source),
        indices: layouts(positions, source),
        axis: fc.constant(axis),
        seed: seeds,
      });
    });

const indicesOf = ({ whole, indices, axis, seed }: Indexed) =>
  hostOperand("i32", indices, draw(seed + 1, indicesInto(whole.shape[axis]!)));

async function checkGather(backend: Backend, settings: Settings, sample: Indexed): Promise<void> {
  const { dtype, whole, slices, axis, seed } = sample;
  const x = hostOperand(dtype, whole, draw(seed, anyValue(dtype, settings.subnormals)));
  await expectAgreement(
    backend,
    {
      inputs: [x, indicesOf(sample)],
      outs: [{ dtype, layout: slices }],
      invoke: (kernels, [a, at], [out]) => kernels.gather(a!, at!, axis, out!),
    },
    { what: `gather along axis ${axis}`, tolerance: settings.tolerances.gather },
  );
}

async function checkScatterAdd(backend: Backend, settings: Settings, sample: Indexed): Promise<void> {
  const { dtype, whole, slices, axis, seed } = sample;
  const x = hostOperand(dtype, slices, draw(seed, summable(dtype, true)));
  const before = hostOperand(dtype, whole, draw(seed + 2, summable(dtype, false)));
  const indices = indicesOf(sample);
  const call = (part: (operand: typeof x) => typeof x): KernelCall => ({
    inputs: [part(x), indices],
    outs: [part(before)],
    invoke: (kernels, [a, at], [out]) => kernels.scatterAdd(a!, at!, axis, out!),
  });
  const sums = await expectedResults(call((y) => ({ ...y, elements: y.elements.map(Math.abs) })));
  const terms = sizeOf(sample.indices.shape) + 1;
  await expectAgreement(
    backend,
    call((y) => y),
    {
      what: `scatterAdd along axis ${axis}`,
      tolerance: settings.tolerances.scatterAdd,
      scales: sums.map((values) => values.map((sum) => sum * terms)),
      sizes: sums,
    },
  );
}

const sortable = (dtypes: readonly DType[]) =>
  shapes({ minRank: 1, maxSize: 900 }).chain((shape) =>
    fc.record({
      dtype: fc.constantFrom(...dtypes),
      input: layouts(shape, { broadcast: true }),
      out: layouts(shape, { strides: "dense" }),
      ties: fc.boolean(),
      descending: fc.boolean(),
      divisor: fc.nat(),
      count: fc.nat(),
      seed: seeds,
    }),
  );
type Sortable = ReturnType<typeof sortable> extends fc.Arbitrary<infer T> ? T : never;

function sortInput({ dtype, input, ties, seed }: Sortable, settings: Settings) {
  const values = dtype === "i32" ? integers : ties ? tied : anyValue(dtype, settings.subnormals);
  return hostOperand(dtype, input, draw(seed, values));
}

async function checkArgsort(backend: Backend, settings: Settings, sample: Sortable): Promise<void> {
  const { out, descending } = sample;
  await expectAgreement(
    backend,
    {
      inputs: [sortInput(sample, settings)],
      outs: [{ dtype: "i32", layout: out }],
      invoke: (kernels, [x], [order]) => kernels.argsort(x!, order!, { descending }),
    },
    { what: `argsort, descending: ${descending}`, tolerance: settings.tolerances.argsort },
  );
}

async function checkSmallest(backend: Backend, settings: Settings, sample: Sortable): Promise<void> {
  const last = sample.input.shape.at(-1)!;
  const divisors = Array.from({ length: last }, (_, i) => i + 1).filter((group) => last % group === 0);
  const group = divisors[sample.divisor % divisors.length] ?? 1;
  const count = sample.count % (group + 1);
  await expectAgreement(
    backend,
    {
      inputs: [sortInput(sample, settings)],
      outs: [{ dtype: "bool", layout: sample.out }],
      invoke: (kernels, [x], [marks]) => kernels.smallest(x!, marks!, { group, count }),
    },
    { what: `smallest ${count} of ${group}`, tolerance: settings.tolerances.smallest },
  );
}

/** gather, scatterAdd, argsort, smallest: indices outside, repeated indices, ties, NaN. */
export function indexingCases(settings: Settings): ConformanceCase[] {
  const twice = { ...settings, runs: settings.runs * 2 };
  const sorts = (backend: Backend) => sortable([...floatsOf(backend), "i32"]);
  return [
    propertyCase(
      "gather",
      "gather",
      twice,
      (backend) => indexed(computedBy(backend), true),
      (backend, sample) => checkGather(backend, settings, sample),
    ),
    propertyCase(
      "scatterAdd",
      "scatterAdd",
      twice,
      (backend) => indexed([...floatsOf(backend), "i32"], false),
      (backend, sample) => checkScatterAdd(backend, settings, sample),
    ),
    propertyCase("argsort", "argsort", twice, sorts, (backend, sample) =>
      checkArgsort(backend, settings, sample),
    ),
    propertyCase("smallest", "smallest", twice, sorts, (backend, sample) =>
      checkSmallest(backend, settings, sample),
    ),
  ];
}
