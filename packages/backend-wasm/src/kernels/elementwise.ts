import {
  BackendError,
  type BinaryOp,
  byteWidth,
  isContiguous,
  type Operand,
  type UnaryOp,
} from "@denoise-rotator/core";
import { type Lanes, vectorBytes } from "../emit/map.js";
import type { Engine, Native } from "../engine/engine.js";
import { collapse, elementCount, forEachOffset, planRows, windowOf } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { withTemporaries } from "./temporaries.js";

/**
 * Runs the map kernel `name` over operands of one shape. `lanes` says how each input is read. Inputs whose rows are
 * neither consecutive nor one repeated element are copied first.
 */
export function runMap(
  engine: Engine,
  name: string,
  lanes: readonly Lanes[],
  inputs: readonly Operand[],
  out: Operand,
): void {
  const run = engine.native[name];
  if (!run) throw new BackendError(`wasm backend: no kernel ${name}; cast the operands to f32 first`);
  if (elementCount(out.shape) === 0) return;
  if (runFlat(run, lanes, inputs, out)) return;
  const plan = planRows(collapse(out.shape, [...inputs.map((x) => x.strides), out.strides]));
  const awkward = inputs.findIndex((_, i) => plan.inner[i] !== 0 && plan.inner[i] !== 1);
  if (awkward >= 0) {
    withTemporaries(engine, (temporaries) => {
      const tidied = inputs.map((x, i) => (i === awkward ? temporaries.copy(x) : x));
      runMap(engine, name, lanes, tidied, out);
    });
    return;
  }
  const operands = [...inputs, out];
  const widths = operands.map((operand) => byteWidth(operand.dtype));
  const starts = operands.map(addressOf);
  const steps = lanes.map((kind, i) => (plan.inner[i] === 0 ? 0 : vectorBytes(kind)));
  const last = inputs.length;
  const args = new Array<number>(3 * last + 4);
  forEachOffset(plan.outer, (offsets) => {
    for (let i = 0; i < last; i++) {
      args[3 * i] = starts[i]! + offsets[i]! * widths[i]!;
      args[3 * i + 1] = steps[i]!;
      args[3 * i + 2] = plan.row[i]! * widths[i]!;
    }
    args[3 * last] = starts[last]! + offsets[last]! * widths[last]!;
    args[3 * last + 1] = plan.row[last]! * widths[last]!;
    args[3 * last + 2] = plan.columns;
    args[3 * last + 3] = plan.rows;
    run(...args);
  });
}

/** The common case without a plan: contiguous operands of one or two inputs, or one element for all. */
function runFlat(run: Native, lanes: readonly Lanes[], inputs: readonly Operand[], out: Operand): boolean {
  const [a, b] = inputs as [Operand, Operand | undefined];
  const [aStep, bStep] = [flatStep(a, lanes[0]!), b ? flatStep(b, lanes[1]!) : 0];
  if (aStep < 0 || bStep < 0 || inputs.length > 2 || !isContiguous(out.shape, out.strides)) return false;
  const count = elementCount(out.shape);
  if (b) run(addressOf(a), aStep, 0, addressOf(b), bStep, 0, addressOf(out), 0, count, 1);
  else run(addressOf(a), aStep, 0, addressOf(out), 0, count, 1);
  return true;
}

/** Bytes to the next vector of a contiguous operand, 0 if one element serves for all, else −1. */
function flatStep(x: Operand, lanes: Lanes): number {
  if (isContiguous(x.shape, x.strides)) return vectorBytes(lanes);
  return x.strides.every((stride, axis) => stride === 0 || x.shape[axis] === 1) ? 0 : -1;
}

export function unary(engine: Engine, op: UnaryOp, x: Operand, out: Operand): void {
  if (op === "sin" || op === "cos") {
    withTemporaries(engine, (temporaries) => {
      mapOnHost(engine, Math[op], [temporaries.contiguous(x)], out);
    });
    return;
  }
  if (op === "isFinite" && x.dtype !== "f32") {
    engine.memory.u8.fill(1, addressOf(out), addressOf(out) + elementCount(out.shape));
    return;
  }
  runMap(engine, `${op}_${x.dtype}`, [x.dtype === "bool" ? "byte" : "word"], [x], out);
}

export function binary(engine: Engine, op: BinaryOp, a: Operand, b: Operand, out: Operand): void {
  if (op === "pow") {
    power(engine, a, b, out);
    return;
  }
  const lanes: Lanes = a.dtype === "bool" ? "byte" : "word";
  runMap(engine, `${op}_${a.dtype}`, [lanes, lanes], [a, b], out);
}

/** Powers run on the host but for a scalar exponent of 2, which is one multiplication and as exact. */
function power(engine: Engine, a: Operand, b: Operand, out: Operand): void {
  const scalar = b.strides.every((stride, axis) => stride === 0 || b.shape[axis] === 1);
  if (scalar && elementCount(out.shape) > 0 && engine.memory.f32[addressOf(b) >>> 2] === 2) {
    runMap(engine, "square_f32", ["word"], [a], out);
    return;
  }
  withTemporaries(engine, (temporaries) => {
    const base = temporaries.contiguous(a);
    const exponent = scalar ? windowOf(b, [], []) : temporaries.contiguous(b);
    mapOnHost(engine, ieeePower, [base, exponent], out);
  });
}

/** JavaScript's power but that 1 to any power, and −1 to an infinite one, is 1. */
const ieeePower = (base: number, exponent: number): number =>
  base === 1 || (base === -1 && Math.abs(exponent) === Number.POSITIVE_INFINITY) ? 1 : base ** exponent;

/** Contiguous f32 operands, or scalars of shape `[]`. */
function mapOnHost(
  engine: Engine,
  operation: (a: number, b: number) => number,
  inputs: readonly Operand[],
  out: Operand,
): void {
  const count = elementCount(out.shape);
  const { f32 } = engine.memory;
  const [a, b] = inputs;
  const first = addressOf(a!) >>> 2;
  const to = addressOf(out) >>> 2;
  if (!b) {
    for (let i = 0; i < count; i++) f32[to + i] = operation(f32[first + i]!, 0);
    return;
  }
  const second = addressOf(b) >>> 2;
  const step = b.shape.length === 0 ? 0 : 1;
  for (let i = 0; i < count; i++) f32[to + i] = operation(f32[first + i]!, f32[second + i * step]!);
}

export function select(engine: Engine, condition: Operand, a: Operand, b: Operand, out: Operand): void {
  const width = byteWidth(out.dtype) as 1 | 2 | 4;
  const [mask, value]: [Lanes, Lanes] =
    width === 4 ? ["flag", "word"] : width === 2 ? ["flag", "half"] : ["byte", "byte"];
  runMap(engine, `select${width}`, [mask, value, value], [condition, a, b], out);
}
