import type { Operand, ReduceOp } from "../backend.js";
import { sizeOf } from "../shape.js";
import { load, store } from "./memory.js";

const folds: Record<ReduceOp, { start: number; fold: (a: number, b: number) => number }> = {
  sum: { start: 0, fold: (a, b) => a + b },
  max: { start: Number.NEGATIVE_INFINITY, fold: Math.max },
  min: { start: Number.POSITIVE_INFINITY, fold: Math.min },
  any: { start: 0, fold: (a, b) => (a || b ? 1 : 0) },
  all: { start: 1, fold: (a, b) => (a && b ? 1 : 0) },
};

export function reduce(op: ReduceOp, x: Operand, axes: readonly number[], out: Operand): void {
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const order = [...kept, ...axes];
  const pick = (list: readonly number[]) => order.map((axis) => list[axis]!);
  const values = load({ ...x, shape: pick(x.shape), strides: pick(x.strides) });
  const results = new Float64Array(sizeOf(out.shape));
  const count = results.length === 0 ? 0 : values.length / results.length;
  const { start, fold } = folds[op];
  for (let i = 0; i < results.length; i++) {
    let result = start;
    for (let j = 0; j < count; j++) result = fold(result, values[i * count + j]!);
    results[i] = result;
  }
  store(out, results);
}
