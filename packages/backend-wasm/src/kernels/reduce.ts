import { byteWidth, contiguousStrides, type Operand, type ReduceOp } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { fillOperand } from "./copy.js";
import { collapse, elementCount, forEachOffset, windowOf } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { type Temporaries, withTemporaries } from "./temporaries.js";

const neutral: Readonly<Record<ReduceOp, number>> = {
  sum: 0,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
  any: 0,
  all: 1,
};

/** Bools are reduced as such: their sum and extremes are `any` and `all`. */
const boolOps: Readonly<Record<ReduceOp, "any" | "all">> = {
  sum: "any",
  max: "any",
  min: "all",
  any: "any",
  all: "all",
};

export function reduce(
  engine: Engine,
  op: ReduceOp,
  x: Operand,
  axes: readonly number[],
  out: Operand,
): void {
  if (elementCount(out.shape) === 0) return;
  if (elementCount(x.shape) === 0) {
    const limits: Partial<Record<ReduceOp, number>> = { max: -(2 ** 31), min: 2 ** 31 - 1 };
    fillOperand(engine, out, (x.dtype === "i32" ? limits[op] : undefined) ?? neutral[op]);
    return;
  }
  const name = x.dtype === "bool" ? `${boolOps[op]}_bool` : `${op}_${x.dtype}`;
  withTemporaries(engine, (temporaries) => reduceAxes(engine, temporaries, name, x, axes, out));
}

function reduceAxes(
  engine: Engine,
  temporaries: Temporaries,
  name: string,
  x: Operand,
  axes: readonly number[],
  out: Operand,
): void {
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const pick = (list: readonly number[], chosen: readonly number[]) => chosen.map((axis) => list[axis]!);
  const keptShape = pick(x.shape, kept);
  const outer = collapse(keptShape, [pick(x.strides, kept), contiguousStrides(keptShape)]);
  const inner = collapse(pick(x.shape, axes), [pick(x.strides, axes)]);
  const reducedRank = inner.shape.length;
  const width = byteWidth(x.dtype);
  const [from, to] = [addressOf(x), addressOf(out)];
  const keptRank = outer.shape.length;
  const along = (rank: number, list: readonly number[], fallback: number) =>
    rank ? list[rank - 1]! : fallback;

  if (reducedRank <= 1 && (reducedRank === 0 || inner.strides[0]![0] === 1)) {
    // Rows of consecutive elements.
    const run = engine.native[`${name}_rows`]!;
    const columns = inner.shape[0] ?? 1;
    const rows = along(keptRank, outer.shape, 1);
    const rowStride = along(keptRank, outer.strides[0]!, 0);
    const rest = { shape: outer.shape.slice(0, -1), strides: outer.strides.map((list) => list.slice(0, -1)) };
    forEachOffset(rest, ([xOffset, outOffset]) => {
      run(from + xOffset! * width, rowStride * width, to + outOffset! * width, columns, rows);
    });
    return;
  }
  if (reducedRank === 1 && keptRank > 0 && outer.strides[0]![keptRank - 1] === 1) {
    // Consecutive columns.
    const run = engine.native[`${name}_columns`]!;
    const columns = outer.shape[keptRank - 1]!;
    const rest = { shape: outer.shape.slice(0, -1), strides: outer.strides.map((list) => list.slice(0, -1)) };
    forEachOffset(rest, ([xOffset, outOffset]) => {
      const rowBytes = inner.strides[0]![0]! * width;
      run(from + xOffset! * width, rowBytes, to + outOffset! * width, columns, inner.shape[0]!);
    });
    return;
  }
  const order = [...kept, ...axes];
  const moved = temporaries.copy(windowOf(x, pick(x.shape, order), pick(x.strides, order)));
  const last = order.slice(kept.length).map((_, i) => kept.length + i);
  reduceAxes(engine, temporaries, name, moved, last, out);
}
