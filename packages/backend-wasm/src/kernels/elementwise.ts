import {
  BackendError,
  type BinaryOp,
  byteWidth,
  type DType,
  isContiguous,
  type Operand,
  type UnaryOp,
} from "@denoise-rotator/core";
import { type Lanes, vectorBytes } from "../emit/map.js";
import type { Engine } from "../engine/engine.js";
import { parallel, splitEvenly, taskCount } from "../threads/parallel.js";
import { collapse, elementCount, forEachOffset, planRows, type RowPlan, windowOf } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { withTemporaries } from "./temporaries.js";

/** Nanoseconds an element takes where memory is the limit, and in a function with a polynomial or a division. */
const movingCost = 0.1;
const computingCost = 0.4;
const computing: ReadonlySet<string> = new Set<UnaryOp>([
  ...(["exp", "log", "tanh", "sigmoid", "sqrt", "rsqrt", "reciprocal"] as const),
]);

/** `op_dtype`; a name put together anew would have to be looked up by its letters every time. */
const kernelNames = new Map<string, Map<DType, string>>();
function kernelName(op: UnaryOp | BinaryOp, dtype: DType): string {
  let names = kernelNames.get(op);
  if (!names) {
    names = new Map();
    kernelNames.set(op, names);
  }
  let name = names.get(dtype);
  if (name === undefined) {
    name = `${op}_${dtype}`;
    names.set(dtype, name);
  }
  return name;
}

/**
 * Runs the map kernel `name` over operands of one shape. `lanes` says how each input is read, `cost` how many nanoseconds
 * an element takes. Inputs whose rows are neither consecutive nor one repeated element are copied first.
 */
export function runMap(
  engine: Engine,
  name: string,
  lanes: readonly Lanes[],
  inputs: readonly Operand[],
  out: Operand,
  cost = movingCost,
): void {
  const run = engine.native[name];
  if (!run) throw new BackendError(`wasm backend: no kernel ${name}; cast the operands to f32 first`);
  const count = elementCount(out.shape);
  if (count === 0) return;
  const nanoseconds = count * cost;
  const steps = flatSteps(lanes, inputs, out);
  if (steps) {
    if (steps.length === 1 && !isWorthSharing(engine, nanoseconds)) {
      run(addressOf(inputs[0]!), steps[0]!, 0, addressOf(out), 0, count, 1);
    } else if (steps.length === 2 && !isWorthSharing(engine, nanoseconds)) {
      const [a, b] = inputs as [Operand, Operand];
      run(addressOf(a), steps[0]!, 0, addressOf(b), steps[1]!, 0, addressOf(out), 0, count, 1);
    } else runFlat(engine, name, steps, inputs, out, cost);
    return;
  }
  const plan = planRows(collapse(out.shape, [...inputs.map((x) => x.strides), out.strides]));
  const awkward = inputs.findIndex((_, i) => plan.inner[i] !== 0 && plan.inner[i] !== 1);
  if (awkward >= 0) {
    withTemporaries(engine, (temporaries) => {
      const tidied = inputs.map((x, i) => (i === awkward ? temporaries.copy(x) : x));
      runMap(engine, name, lanes, tidied, out, cost);
    });
    return;
  }
  runPlanned(engine, name, lanes, [...inputs, out], plan, cost);
}

const isWorthSharing = (engine: Engine, nanoseconds: number): boolean =>
  engine.pool?.isWorth(nanoseconds) ?? false;

/** Bytes from vector to vector of each input if all are contiguous or one element, and `out` is contiguous. */
function flatSteps(
  lanes: readonly Lanes[],
  inputs: readonly Operand[],
  out: Operand,
): readonly number[] | undefined {
  if (!isContiguous(out.shape, out.strides)) return undefined;
  const steps = new Array<number>(inputs.length);
  for (let i = 0; i < inputs.length; i++) {
    const step = flatStep(inputs[i]!, lanes[i]!);
    if (step < 0) return undefined;
    steps[i] = step;
  }
  return steps;
}

/** Bytes to the next vector of a contiguous operand, 0 if one element serves for all, else −1. */
function flatStep(x: Operand, lanes: Lanes): number {
  if (isContiguous(x.shape, x.strides)) return vectorBytes(lanes);
  return isScalar(x) ? 0 : -1;
}

const isScalar = (x: Operand): boolean =>
  x.strides.every((stride, axis) => stride === 0 || x.shape[axis] === 1);

/** Elements that every kind of vector divides. */
const stretch = 64;

/** The common case, as one row in stretches. */
function runFlat(
  engine: Engine,
  name: string,
  steps: readonly number[],
  inputs: readonly Operand[],
  out: Operand,
  cost: number,
): void {
  const count = elementCount(out.shape);
  const widths = inputs.map((x, i) => (steps[i] ? byteWidth(x.dtype) : 0));
  const starts = inputs.map(addressOf);
  const [to, outWidth] = [addressOf(out), byteWidth(out.dtype)];
  const nanoseconds = count * cost;
  const tasks = splitEvenly(count, taskCount(engine, nanoseconds), stretch).map(([first, size]) => {
    const from = starts.flatMap((start, i) => [start + first * widths[i]!, steps[i]!, 0]);
    return [...from, to + first * outWidth, 0, size, 1];
  });
  parallel(engine, name, tasks, nanoseconds);
}

/** Rows of rows; the operands' last is the output. */
function runPlanned(
  engine: Engine,
  name: string,
  lanes: readonly Lanes[],
  operands: readonly Operand[],
  plan: RowPlan,
  cost: number,
): void {
  const widths = operands.map((operand) => byteWidth(operand.dtype));
  const starts = operands.map(addressOf);
  const last = operands.length - 1;
  const blocks = elementCount(plan.outer.shape);
  const nanoseconds = blocks * plan.rows * plan.columns * cost;
  const stretches = splitEvenly(plan.rows, Math.ceil(taskCount(engine, nanoseconds) / blocks));
  const tasks: number[][] = [];
  forEachOffset(plan.outer, (offsets) => {
    for (const [first, size] of stretches) {
      const task: number[] = [];
      operands.forEach((_, i) => {
        task.push(starts[i]! + (offsets[i]! + first * plan.row[i]!) * widths[i]!);
        if (i < last) task.push(plan.inner[i] === 0 ? 0 : vectorBytes(lanes[i]!));
        task.push(plan.row[i]! * widths[i]!);
      });
      task.push(plan.columns, size);
      tasks.push(task);
    }
  });
  parallel(engine, name, tasks, nanoseconds);
}

const wordLanes: readonly Lanes[] = ["word", "word"];
const byteLanes: readonly Lanes[] = ["byte", "byte"];

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
  const lanes = x.dtype === "bool" ? byteLanes : wordLanes;
  const cost = computing.has(op) ? computingCost : movingCost;
  runMap(engine, kernelName(op, x.dtype), lanes, [x], out, cost);
}

export function binary(engine: Engine, op: BinaryOp, a: Operand, b: Operand, out: Operand): void {
  if (op === "pow") {
    power(engine, a, b, out);
    return;
  }
  runMap(engine, kernelName(op, a.dtype), a.dtype === "bool" ? byteLanes : wordLanes, [a, b], out);
}

/** Powers run on the host but for a scalar exponent of 2, which is one multiplication and as exact. */
function power(engine: Engine, a: Operand, b: Operand, out: Operand): void {
  const scalar = isScalar(b);
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
