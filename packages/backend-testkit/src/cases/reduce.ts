import { type Backend, type DType, type ReduceOp, sizeOf } from "@denoise-rotator/core";
import fc from "fast-check";
import { expectedResults, type KernelCall } from "../execute.js";
import { hostOperand } from "../host-operand.js";
import {
  type ConformanceCase,
  expectAgreement,
  floatsOf,
  propertyCase,
  type Settings,
} from "../kernel-case.js";
import { layouts, seeds, shapes } from "../layouts.js";
import { draw, summable, tied } from "../values.js";

const samples = (dtypes: readonly DType[]) =>
  shapes({ minRank: 1, maxSize: 1200 }).chain((shape) =>
    fc
      .subarray(
        shape.map((_, axis) => axis),
        { minLength: 1 },
      )
      .chain((axes) =>
        fc.record({
          dtype: fc.constantFrom(...dtypes),
          axes: fc.constant(axes),
          input: layouts(shape, { broadcast: true }),
          out: layouts(
            shape.filter((_, axis) => !axes.includes(axis)),
            { strides: "dense" },
          ),
          specials: fc.boolean(),
          seed: seeds,
        }),
      ),
  );

function dtypesOf(op: ReduceOp, backend: Backend): DType[] {
  return op === "any" || op === "all" ? ["bool"] : [...floatsOf(backend), "i32"];
}

const reduceCase = (op: ReduceOp, settings: Settings): ConformanceCase =>
  propertyCase(
    `reduce ${op}`,
    "reduce",
    { ...settings, runs: settings.runs * 2 },
    (backend) => samples(dtypesOf(op, backend)),
    async (backend, { dtype, axes, input, out, specials, seed }) => {
      const extremum = (op === "max" || op === "min") && dtype !== "i32";
      const values = extremum && specials ? tied : summable(dtype, specials);
      const x = hostOperand(dtype, input, draw(seed, values));
      const call = (operand: typeof x): KernelCall => ({
        inputs: [operand],
        outs: [{ dtype, layout: out }],
        invoke: (kernels, [a], [b]) => kernels.reduce(op, a!, axes, b!),
      });
      const magnitude = { ...x, elements: x.elements.map(Math.abs) };
      const terms = sizeOf(axes.map((axis) => input.shape[axis]!));
      const sizes = await expectedResults(call(magnitude));
      const scales = sizes.map((sums) => sums.map((sum) => sum * terms));
      await expectAgreement(backend, call(x), {
        what: `reduce ${op} over axes [${axes}]`,
        tolerance: settings.tolerances[op],
        scales,
        ...(op === "sum" ? { sizes } : {}),
      });
    },
  );

export const reduceCases = (settings: Settings): ConformanceCase[] =>
  (["sum", "max", "min", "any", "all"] as const).map((op) => reduceCase(op, settings));
