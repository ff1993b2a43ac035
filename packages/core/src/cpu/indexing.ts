import type { Operand } from "../backend.js";
import { isFloat } from "../dtype.js";
import { sizeOf } from "../shape.js";
import { load, store } from "./memory.js";

/** `x` seen as `[outer, length, inner]` around `axis`. */
function around(shape: readonly number[], axis: number) {
  return { outer: sizeOf(shape.slice(0, axis)), length: shape[axis]!, inner: sizeOf(shape.slice(axis + 1)) };
}

export function gather(x: Operand, indices: Operand, axis: number, out: Operand): void {
  const { outer, length, inner } = around(x.shape, axis);
  const source = load(x);
  const at = load(indices);
  const result = new Float64Array(outer * at.length * inner);
  const missing = isFloat(x.dtype) || x.dtype === "f16" || x.dtype === "bf16" ? Number.NaN : 0;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < at.length; i++) {
      const from = at[i]!;
      const to = (o * at.length + i) * inner;
      const inside = from >= 0 && from < length;
      for (let k = 0; k < inner; k++)
        result[to + k] = inside ? source[(o * length + from) * inner + k]! : missing;
    }
  }
  store(out, result);
}

export function scatterAdd(x: Operand, indices: Operand, axis: number, out: Operand): void {
  const { outer, length, inner } = around(out.shape, axis);
  const source = load(x);
  const at = load(indices);
  const result = load(out);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < at.length; i++) {
      const to = at[i]!;
      if (to < 0 || to >= length) continue;
      for (let k = 0; k < inner; k++) {
        const target = (o * length + to) * inner + k;
        result[target] = result[target]! + source[(o * at.length + i) * inner + k]!;
      }
    }
  }
  store(out, result);
}

/** Ascending, NaN last, ties by index. */
function sortedPositions(values: Float64Array, start: number, count: number, descending = false): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  const compare = (a: number, b: number) => {
    const [p, q] = [values[start + a]!, values[start + b]!];
    if (Number.isNaN(p) || Number.isNaN(q)) return Number(Number.isNaN(p)) - Number(Number.isNaN(q));
    return p - q || (p < q ? -1 : p > q ? 1 : 0);
  };
  return order.sort((a, b) => (descending ? compare(b, a) : compare(a, b)) || a - b);
}

export function argsort(x: Operand, out: Operand, { descending }: { readonly descending: boolean }): void {
  const values = load(x);
  const length = x.shape.at(-1)!;
  const result = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += length) {
    result.set(sortedPositions(values, start, length, descending), start);
  }
  store(out, result);
}

export function smallest(
  x: Operand,
  out: Operand,
  options: { readonly group: number; readonly count: number },
): void {
  const values = load(x);
  const { group, count } = options;
  const result = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += group) {
    for (const position of sortedPositions(values, start, group).slice(0, count))
      result[start + position] = 1;
  }
  store(out, result);
}
