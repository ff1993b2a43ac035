import type { Backend, DType, FloatDType } from "@denoise-rotator/core";
import fc from "fast-check";
import { expectedResults, type KernelCall } from "../execute.js";
import { hostOperand, type Layout } from "../host-operand.js";
import {
  type ConformanceCase,
  expectAgreement,
  floatsOf,
  propertyCase,
  type Settings,
} from "../kernel-case.js";
import { dims, layouts, seeds } from "../layouts.js";
import { draw, ordinary, summable } from "../values.js";

export interface Product {
  /** Of the result; of the factors too unless `factors` says otherwise. */
  readonly dtype: FloatDType;
  readonly factors?: readonly [DType, DType];
  readonly a: Layout;
  readonly b: Layout;
  readonly out: Layout;
  readonly accumulate: boolean;
  readonly alpha: number;
  readonly specials: boolean;
  readonly seed: number;
}

const products = (
  backend: Backend,
  sizes: fc.Arbitrary<readonly [number, number, number]>,
  batches: fc.Arbitrary<number[]>,
): fc.Arbitrary<Product> =>
  fc.tuple(sizes, batches).chain(([[m, k, n], batch]) =>
    fc.record({
      dtype: fc.constantFrom(...floatsOf(backend)),
      a: layouts([...batch, m, k], { broadcast: true }),
      b: layouts([...batch, k, n], { broadcast: true }),
      out: layouts([...batch, m, n], { strides: "rows" }),
      accumulate: fc.boolean(),
      alpha: fc.constantFrom(1, -1, 0.5, -2.25),
      specials: fc.boolean(),
      seed: seeds,
    }),
  );

/** Products into f32 of factors in any type the backend takes. */
function halfProducts(
  backend: Backend,
  sizes: fc.Arbitrary<readonly [number, number, number]>,
): fc.Arbitrary<Product> {
  const types: DType[] = backend.capabilities.halfFactors ? ["f32", "f16", "bf16"] : ["f32"];
  const factor = fc.constantFrom(...types);
  return fc
    .tuple(products(backend, sizes, fc.constant([])), factor, factor)
    .map(([product, a, b]) => ({ ...product, dtype: "f32", factors: [a, b], specials: false }));
}

async function checkProduct(backend: Backend, settings: Settings, sample: Product): Promise<void> {
  const { dtype, accumulate, alpha, seed } = sample;
  const values = summable(dtype, sample.specials);
  const [aType, bType] = sample.factors ?? [dtype, dtype];
  const a = hostOperand(aType, sample.a, draw(seed, values));
  const b = hostOperand(bType, sample.b, draw(seed + 1, values));
  const before = hostOperand(dtype, sample.out, draw(seed + 2, ordinary));
  const call = (absolute: boolean): KernelCall => {
    const part = (x: typeof a) => (absolute ? { ...x, elements: x.elements.map(Math.abs) } : x);
    const options = { accumulate, alpha: absolute ? Math.abs(alpha) : alpha };
    return {
      inputs: [part(a), part(b)],
      outs: [accumulate ? part(before) : { dtype, layout: sample.out }],
      invoke: (kernels, [x, y], [out]) => kernels.matmul(x!, y!, out!, options),
    };
  };
  const terms = sample.a.shape.at(-1)! + 2;
  const sizes = await expectedResults(call(true));
  const scales = sizes.map((sums) => sums.map((sum) => sum * terms));
  await expectAgreement(backend, call(false), {
    what: "matmul",
    tolerance: settings.tolerances.matmul,
    scales,
    sizes,
  });
}

async function checkSquare(backend: Backend, settings: Settings, { x, seed }: { x: Layout; seed: number }) {
  const [n, d] = x.shape as [number, number];
  const operand = hostOperand("f32", x, draw(seed, ordinary));
  const out: Layout = { shape: [d, d], strides: [d, 1], offset: 0, length: d * d };
  await expectAgreement(
    backend,
    {
      inputs: [operand],
      outs: [{ dtype: "f32", layout: out }],
      invoke: (kernels, [a], [result]) => {
        const transposed = { ...a!, shape: [d, n], strides: a!.strides.toReversed() };
        kernels.matmul(transposed, a!, result!, { accumulate: false, alpha: 1 });
      },
    },
    {
      what: "matmul of a buffer with itself",
      tolerance: settings.tolerances.matmul,
      scales: [new Float64Array(d * d).fill(n * 16 * (n + 2))],
    },
  );
}

/** Batches, broadcasts, transposes, padded rows, accumulation, the sizes around tiles, k = 0. */
export function matmulCases(settings: Settings): ConformanceCase[] {
  const small = fc.tuple(dims(), dims(), dims());
  const around = fc.constantFrom(1, 3, 4, 7, 8, 9, 15, 17, 33, 64, 65);
  const batches = fc.oneof(fc.constant<number[]>([]), fc.array(dims(3), { minLength: 1, maxLength: 2 }));
  const check = (backend: Backend, sample: Product) => checkProduct(backend, settings, sample);
  return [
    propertyCase(
      "matmul of small matrices",
      "matmul",
      { ...settings, runs: settings.runs * 3 },
      (backend) => products(backend, small, batches),
      check,
    ),
    propertyCase(
      "matmul around tile sizes",
      "matmul",
      settings,
      (backend) => products(backend, fc.tuple(around, around, around), fc.constant([])),
      check,
    ),
    propertyCase(
      "matmul of large matrices",
      "matmul",
      { ...settings, runs: 3 },
      (backend) =>
        products(
          backend,
          fc.tuple(
            fc.integer({ min: 90, max: 140 }),
            fc.integer({ min: 200, max: 560 }),
            fc.integer({ min: 90, max: 140 }),
          ),
          fc.constant([]),
        ),
      check,
    ),
    propertyCase(
      "matmul of 16-bit factors",
      "matmul",
      settings,
      (backend) => halfProducts(backend, fc.tuple(around, around, around)),
      check,
    ),
    propertyCase(
      "matmul of a buffer with itself",
      "matmul",
      settings,
      () => fc.tuple(dims(20), dims(20)).chain((shape) => fc.record({ x: layouts(shape), seed: seeds })),
      (backend, sample) => checkSquare(backend, settings, sample),
    ),
  ];
}
