import { byteWidth, contiguousStrides, type Operand, type ReduceOp } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { parallel, splitEvenly, taskCount } from "../threads/parallel.js";
import { fillOperand } from "./copy.js";
import { collapse, elementCount, forEachOffset, windowOf } from "./iteration.js";
import { type Rows, runRows } from "./rows.js";
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

/** Nanoseconds an element takes. */
const elementCost = 0.15;
/** Columns that are reduced side by side. */
const columnStep = 64;

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
  const rest = { shape: outer.shape.slice(0, -1), strides: outer.strides.map((list) => list.slice(0, -1)) };
  const nanoseconds = elementCost * elementCount(x.shape);

  if (reducedRank <= 1 && (reducedRank === 0 || inner.strides[0]![0] === 1)) {
    // Rows of consecutive elements.
    const columns = inner.shape[0] ?? 1;
    const rows: Rows = {
      rows: along(keptRank, outer.shape, 1),
      row: outer.strides.map((list) => along(keptRank, list, 0)),
      outer: rest,
    };
    runRows(engine, `${name}_rows`, rows, nanoseconds, ([xOffset, outOffset], count) => {
      return [from + xOffset! * width, rows.row[0]! * width, to + outOffset! * width, columns, count];
    });
    return;
  }
  if (reducedRank === 1 && keptRank > 0 && outer.strides[0]![keptRank - 1] === 1) {
    // Consecutive columns.
    const columns = outer.shape[keptRank - 1]!;
    const rowBytes = inner.strides[0]![0]! * width;
    // Every column is summed by itself, from the first row to the last.
    const parts = Math.ceil(taskCount(engine, nanoseconds) / elementCount(rest.shape));
    const tasks: number[][] = [];
    forEachOffset(rest, ([xOffset, outOffset]) => {
      for (const [first, size] of splitEvenly(columns, parts, columnStep)) {
        const [source, target] = [from + (xOffset! + first) * width, to + (outOffset! + first) * width];
        tasks.push([source, rowBytes, target, size, inner.shape[0]!]);
      }
    });
    parallel(engine, `${name}_columns`, tasks, nanoseconds);
    return;
  }
  const order = [...kept, ...axes];
  const moved = temporaries.copy(windowOf(x, pick(x.shape, order), pick(x.strides, order)));
  const last = order.slice(kept.length).map((_, i) => kept.length + i);
  reduceAxes(engine, temporaries, name, moved, last, out);
}
