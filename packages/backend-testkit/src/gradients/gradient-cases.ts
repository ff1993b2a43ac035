import {
  type Backend,
  cpu,
  type FloatDType,
  fromArray,
  isFloat,
  Random,
  type Tensor,
  tidy,
  toNumbers,
  valueAndGrad,
} from "@denoise-rotator/core";
import { ConformanceError } from "../compare.js";
import type { ConformanceCase } from "../kernel-case.js";
import { leakCheck } from "../leak-check.js";
import { ordinary } from "../values.js";
import { type OpRow, takesGradient } from "./op-row.js";

export interface GradientOptions {
  /** Seed of inputs, directions and weights. Default 1. */
  readonly seed?: number;
}

/**
 * A case per row of an op table. On the cpu backend in f64: the gradient along a random direction is the central finite
 * difference, and so is the second derivative along two. On the backend under test in f32: values and gradients are
 * those of the cpu backend in f64.
 */
export function gradientCases(table: readonly OpRow[], options: GradientOptions = {}): ConformanceCase[] {
  const { seed = 1 } = options;
  return table.map((row) => {
    const name = row.variant ? `${row.name}, ${row.variant}` : row.name;
    return {
      name: `gradient of ${name}`,
      skip: () => undefined,
      run: (backend) =>
        leakCheck(backend, async () => {
          const sample = drawSample(row, seed);
          if (sample.differentiable.length > 0) checkDerivatives(row, sample, name);
          await checkOnBackend(row, sample, backend, name);
        }),
    };
  });
}

/** The numbers a row is tried on; floats are representable in f32. */
interface Sample {
  readonly inputs: readonly Float64Array[];
  /** Indices of the inputs a gradient is taken of. */
  readonly differentiable: readonly number[];
  readonly seed: number;
}

function drawSample(row: OpRow, seed: number): Sample {
  const random = new Random(seed);
  return {
    seed,
    inputs: row.inputs.map(({ shape, values = ordinary }) =>
      Float64Array.from({ length: shape.reduce((size, dim) => size * dim, 1) }, () =>
        Math.fround(values(random)),
      ),
    ),
    differentiable: row.inputs.flatMap((input, i) => (takesGradient(input) ? [i] : [])),
  };
}

const place = (row: OpRow, sample: Sample, backend: Backend, float: FloatDType): Tensor[] =>
  row.inputs.map(({ shape, dtype = "float" }, i) =>
    fromArray(sample.inputs[i]!, shape, { backend, dtype: dtype === "float" ? float : dtype }),
  );

/** Σ weights·op(x) as a function of the differentiable inputs alone; the weights follow from the seed. */
function weighted(row: OpRow, sample: Sample, all: readonly Tensor[]): (...xs: Tensor[]) => Tensor {
  return (...xs) => {
    const inputs = [...all];
    sample.differentiable.forEach((at, i) => {
      inputs[at] = xs[i]!;
    });
    const y = row.apply(...inputs);
    const weights = new Random(sample.seed, 1).normal(y.shape, { dtype: y.dtype, backend: y.backend });
    return y.mul(weights).sum();
  };
}

/** Σ ⟨xᵢ, vᵢ⟩. */
const inner = (xs: readonly Tensor[], vs: readonly Tensor[]): Tensor =>
  xs.map((x, i) => x.mul(vs[i]!).sum()).reduce((sum, term) => sum.add(term));

/** The derivative of `f` at `xs` along `vs`, as a function that can be differentiated again. */
const along =
  (f: (...xs: Tensor[]) => Tensor, vs: readonly Tensor[]) =>
  (...xs: Tensor[]): Tensor =>
    inner(valueAndGrad(f)(...xs).grads, vs);

const number = (x: Tensor): number => x.readSync()[0]!;

function checkDerivatives(row: OpRow, sample: Sample, name: string): void {
  tidy(() => {
    const all = place(row, sample, cpu, "f64");
    const xs = sample.differentiable.map((at) => all[at]!);
    const f = weighted(row, sample, all);
    const [v, u] = [2, 3].map((stream) => {
      const random = new Random(sample.seed, stream);
      return xs.map((x) => random.normal(x.shape, { dtype: "f64", backend: cpu }));
    });
    expectDerivative(f, along(f, v!), xs, v!, row, `${name}: the gradient`);
    const g = along(f, u!);
    expectDerivative(g, along(g, v!), xs, v!, row, `${name}: the second derivative`);
  });
}

function expectDerivative(
  f: (...xs: Tensor[]) => Tensor,
  derivative: (...xs: Tensor[]) => Tensor,
  xs: readonly Tensor[],
  vs: readonly Tensor[],
  { step = 1e-5, tolerance = 1e-6 }: OpRow,
  what: string,
): void {
  const at = (distance: number) => number(f(...xs.map((x, i) => x.add(vs[i]!.mul(distance)))));
  const difference = (at(step) - at(-step)) / (2 * step);
  const slope = number(derivative(...xs));
  if (!(Math.abs(slope - difference) <= tolerance * (1 + Math.abs(difference)))) {
    throw new ConformanceError(
      `${what} along a random direction is ${slope}, the central finite difference ${difference}`,
    );
  }
}

/** Values and, where there are any, gradients. */
function results(row: OpRow, sample: Sample, backend: Backend, float: FloatDType): Tensor[] {
  return tidy(() => {
    const all = place(row, sample, backend, float);
    const value = row.apply(...all);
    const xs = sample.differentiable.map((at) => all[at]!);
    if (xs.length === 0 || !isFloat(value.dtype)) return [value];
    return [value, ...valueAndGrad(weighted(row, sample, all))(...xs).grads];
  });
}

async function checkOnBackend(row: OpRow, sample: Sample, backend: Backend, name: string): Promise<void> {
  const { singleTolerance = 1e-4 } = row;
  const actual = results(row, sample, backend, "f32");
  const expected = results(row, sample, cpu, "f64");
  try {
    for (const [i, tensor] of expected.entries()) {
      const want = await toNumbers(tensor);
      const got = await toNumbers(actual[i]!);
      const size = Array.from(want).reduce((most, x) => Math.max(most, Math.abs(x)), 1);
      for (let k = 0; k < want.length; k++) {
        if (Object.is(got[k], want[k]) || Math.abs(got[k]! - want[k]!) <= singleTolerance * size) continue;
        const part = i === 0 ? "value" : `gradient of input ${sample.differentiable[i - 1]}`;
        throw new ConformanceError(
          `${name} on ${backend.name}: element ${k} of the ${part} is ${got[k]}, expected ${want[k]}`,
        );
      }
    }
  } finally {
    for (const tensor of [...actual, ...expected]) tensor.dispose();
  }
}
