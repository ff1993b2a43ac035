import {
  byteWidth,
  type DType,
  isContiguous,
  type Operand,
  toBFloat16,
  toFloat16,
} from "@denoise-rotator/core";
import { hasCast } from "../emit/elementwise.js";
import { vectorBytes } from "../emit/map.js";
import type { Engine } from "../engine/engine.js";
import { collapse, elementCount, forEachOffset, type Iteration, planRows } from "./iteration.js";
import { addressOf, Scratch } from "./scratch.js";

const wide: readonly DType[] = ["f32", "i32"];
const castStep = (dtype: DType): number =>
  vectorBytes(wide.includes(dtype) ? "word" : dtype === "bool" ? "flag" : "half");

/** Axes ordered by falling stride of the target, then joined. */
function orderedIteration(x: Operand, out: Operand): Iteration {
  const axes = out.shape.map((_, axis) => axis);
  axes.sort((p, q) => Math.abs(out.strides[q]!) - Math.abs(out.strides[p]!) || p - q);
  const pick = (list: readonly number[]) => axes.map((axis) => list[axis]!);
  return collapse(pick(out.shape), [pick(x.strides), pick(out.strides)]);
}

/** Copies with a cast; any strides on both sides. */
export function copyOperand(engine: Engine, x: Operand, out: Operand): void {
  if (elementCount(out.shape) === 0) return;
  const iteration = orderedIteration(x, out);
  if (x.dtype === out.dtype) copySame(engine, iteration, x, out);
  else castCopy(engine, iteration, x, out);
}

function castCopy(engine: Engine, iteration: Iteration, x: Operand, out: Operand): void {
  const { inner } = planRows(iteration);
  if (!hasCast(x.dtype, out.dtype)) copyThrough(engine, iteration, x, out, "f32");
  else if (inner[1] !== 1) copyThrough(engine, iteration, x, out, out.dtype);
  else if (inner[0] !== 1 && inner[0] !== 0) copyThrough(engine, iteration, x, out, x.dtype);
  else {
    const native = `cast_${x.dtype}_${out.dtype}`;
    copyRows(engine, iteration, x, out, { from: castStep(x.dtype), native });
  }
}

/** Copies in two steps, with an operand of `dtype` in between that is contiguous in the target's order. */
function copyThrough(
  engine: Engine,
  { shape, strides }: Iteration,
  x: Operand,
  out: Operand,
  dtype: DType,
): void {
  const scratch = new Scratch(engine);
  try {
    const between = scratch.operand(dtype, shape);
    copyOperand(engine, { ...x, shape, strides: strides[0]! }, between);
    copyOperand(engine, between, { ...out, shape, strides: strides[1]! });
  } finally {
    scratch.release();
  }
}

/** Rows of consecutive target elements from consecutive or repeated source elements. */
function copyRows(
  engine: Engine,
  iteration: Iteration,
  x: Operand,
  out: Operand,
  kernel: { readonly from: number; readonly native: string },
): void {
  const { columns, rows, inner, row, outer } = planRows(iteration);
  const [xWidth, outWidth] = [byteWidth(x.dtype), byteWidth(out.dtype)];
  const [from, to] = [addressOf(x), addressOf(out)];
  const run = engine.native[kernel.native]!;
  const step = inner[0] === 0 ? 0 : kernel.from;
  forEachOffset(outer, ([xOffset, outOffset]) => {
    const source = from + xOffset! * xWidth;
    const target = to + outOffset! * outWidth;
    run(source, step, row[0]! * xWidth, target, row[1]! * outWidth, columns, rows);
  });
}

function copySame(engine: Engine, iteration: Iteration, x: Operand, out: Operand): void {
  const { columns, rows, inner, row, outer } = planRows(iteration);
  const width = byteWidth(x.dtype);
  if (inner[1] === 1 && (inner[0] === 0 || inner[0] === 1)) {
    if (outer.shape.length === 0 && rows === 1 && inner[0] === 1) {
      const from = addressOf(x);
      engine.memory.u8.copyWithin(addressOf(out), from, from + columns * width);
    } else copyRows(engine, iteration, x, out, { from: 16, native: `copy${width}` });
    return;
  }
  const unit = iteration.strides[0]!.indexOf(1);
  if (width === 4 && inner[1] === 1 && unit >= 0 && iteration.shape[unit]! >= 4 && columns >= 4) {
    transposeCopy(engine, iteration, unit, addressOf(x), addressOf(out));
    return;
  }
  const [from, to] = [addressOf(x), addressOf(out)];
  const run = engine.native[`strided${width}`]!;
  forEachOffset(outer, ([xOffset, outOffset]) => {
    const source = from + xOffset! * width;
    const target = to + outOffset! * width;
    run(
      source,
      inner[0]! * width,
      row[0]! * width,
      target,
      inner[1]! * width,
      row[1]! * width,
      columns,
      rows,
    );
  });
}

/** 32-bit elements whose source is consecutive along axis `unit`, whose target along the last axis. */
function transposeCopy(engine: Engine, iteration: Iteration, unit: number, from: number, to: number): void {
  const { shape, strides } = iteration;
  const last = shape.length - 1;
  const keep = shape.map((_, axis) => axis).filter((axis) => axis !== unit && axis !== last);
  const outer: Iteration = {
    shape: keep.map((axis) => shape[axis]!),
    strides: strides.map((list) => keep.map((axis) => list[axis]!)),
  };
  const plane = {
    rows: shape[last]!,
    columns: shape[unit]!,
    fromRow: 4 * strides[0]![last]!,
    toRow: 4 * strides[1]![unit]!,
  };
  forEachOffset(outer, ([xOffset, outOffset]) => {
    transposePlane(engine, from + 4 * xOffset!, to + 4 * outOffset!, plane);
  });
}

export interface Plane {
  readonly rows: number;
  readonly columns: number;
  /** Bytes between rows of the source, and of the target. */
  readonly fromRow: number;
  readonly toRow: number;
}

/** to[c][r] = from[r][c] of 32-bit elements; `rows` and `columns` are the source's. */
export function transposePlane(engine: Engine, from: number, to: number, plane: Plane): void {
  const { rows, columns, fromRow, toRow } = plane;
  const { transpose4, strided4 } = engine.native as Record<
    "transpose4" | "strided4",
    (...a: number[]) => void
  >;
  const [wholeRows, wholeColumns] = [rows & ~3, columns & ~3];
  if (wholeRows && wholeColumns) transpose4(from, fromRow, to, toRow, wholeRows, wholeColumns);
  const [restRows, restColumns] = [rows - wholeRows, columns - wholeColumns];
  if (restColumns && wholeRows) {
    const [source, target] = [from + 4 * wholeColumns, to + wholeColumns * toRow];
    strided4(source, fromRow, 4, target, 4, toRow, wholeRows, restColumns);
  }
  if (restRows) {
    const [source, target] = [from + wholeRows * fromRow, to + 4 * wholeRows];
    strided4(source, 4, fromRow, target, toRow, 4, columns, restRows);
  }
}

/** Sets every element; any strides. */
export function fillOperand(engine: Engine, out: Operand, value: number): void {
  const count = elementCount(out.shape);
  if (count === 0) return;
  const bits = bitsOf(out.dtype, value);
  if (isContiguous(out.shape, out.strides)) {
    fillConsecutive(engine, out, bits, count);
    return;
  }
  const scratch = new Scratch(engine);
  try {
    const cell = scratch.operand(out.dtype, []);
    fillConsecutive(engine, cell, bits, 1);
    copyOperand(engine, { ...cell, shape: out.shape, strides: out.shape.map(() => 0) }, out);
  } finally {
    scratch.release();
  }
}

/** What is stored for `value`, as a number. */
function bitsOf(dtype: DType, value: number): number {
  if (dtype === "f16") return toFloat16(value);
  if (dtype === "bf16") return toBFloat16(value);
  return dtype === "bool" ? Number(value !== 0) : value;
}

function fillConsecutive({ memory }: Engine, out: Operand, bits: number, count: number): void {
  const width = byteWidth(out.dtype);
  const view =
    out.dtype === "f32" ? memory.f32 : width === 4 ? memory.i32 : width === 2 ? memory.u16 : memory.u8;
  const first = addressOf(out) / width;
  if (count === 1) view[first] = bits;
  else view.fill(bits, first, first + count);
}
