import type { GroupEntropyOptions, Operand, PrunedEnergyOptions } from "@denoise-rotator/core";
import { groupSizes } from "../emit/pruned-energy.js";
import type { Engine } from "../engine/engine.js";
import { parallel } from "../threads/parallel.js";
import { copyOperand } from "./copy.js";
import { binary, unary } from "./elementwise.js";
import { windowOf } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { smallest } from "./sort.js";
import { type Temporaries, withTemporaries } from "./temporaries.js";

/** Rows (or columns) of one task: fixed, so that sums over tasks do not depend on the number of threads. */
const taskRows = 64;
const taskColumns = 64;

/** Nanoseconds an element takes, to decide on threads. */
const prunedCost = 0.6;
const entropyCost = 4;

const roundUpToFour = (n: number): number => Math.ceil(n / 4) * 4;

/** First index and size of each task. */
const stretches = (count: number, size: number): [first: number, size: number][] =>
  Array.from({ length: Math.ceil(count / size) }, (_, i) => [i * size, Math.min(size, count - i * size)]);

/** h in memory: consecutive f32, or one 1 for all (step 0) and for columns as many ones as there are. */
function scaleOf(temporaries: Temporaries, engine: Engine, h: Operand | undefined, ones: number): Operand {
  if (h) return temporaries.contiguous(h);
  const filled = temporaries.operand("f32", [ones]);
  const start = addressOf(filled) >>> 2;
  engine.memory.f32.fill(1, start, start + ones);
  return filled;
}

export function prunedEnergy(
  engine: Engine,
  y: Operand,
  h: Operand | undefined,
  out: Operand,
  energy: Operand,
  { inputAxis, group, count }: PrunedEnergyOptions,
): void {
  const [n, d] = y.shape as [number, number];
  if (n * d === 0) {
    engine.memory.f32.fill(0, addressOf(energy) >>> 2, (addressOf(energy) >>> 2) + y.shape[inputAxis]!);
    return;
  }
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.contiguous(y);
    const scale = scaleOf(temporaries, engine, h, inputAxis === 1 ? d : 1);
    const ownKernel = inputAxis === 1 ? group === 4 : (groupSizes as readonly number[]).includes(group);
    const mask = ownKernel
      ? 0
      : addressOf(prunedMask(temporaries, engine, source, h && scale, { inputAxis, group, count }));
    const [from, to, hAt, row] = [addressOf(source), addressOf(out), addressOf(scale), 4 * d];
    const cost = n * d * prunedCost;
    if (inputAxis === 0) {
      const size = ownKernel ? group : 1;
      const hStep = h ? 4 : 0;
      const tasks = stretches(n / size, Math.ceil(taskRows / size)).map(([first, groups]) => {
        const start = first * size;
        return [
          ...[from + start * row, hAt + start * hStep, hStep, mask + start * d, to + start * row],
          ...[addressOf(energy) + 4 * start, row, d, groups, count],
        ];
      });
      parallel(engine, ownKernel ? `prunedRows_${size}` : "prunedRows_masked", tasks, cost);
      return;
    }
    const rows = stretches(n, taskRows);
    const sums = wideSums(temporaries, rows.length, d);
    const tasks = rows.map(([first, size], i) => [
      ...[from + first * row, hAt, mask + first * d, to + first * row],
      ...[sums.at(i), row, d, size, count],
    ]);
    parallel(engine, ownKernel ? "prunedColumns_grouped" : "prunedColumns_masked", tasks, cost);
    sums.into(engine, energy, d);
  });
}

/** M as bytes, laid out as y. */
function prunedMask(
  temporaries: Temporaries,
  engine: Engine,
  y: Operand,
  h: Operand | undefined,
  { inputAxis, group, count }: PrunedEnergyOptions,
): Operand {
  const [n, d] = y.shape as [number, number];
  const S = temporaries.operand("f32", [n, d]);
  unary(engine, "square", y, S);
  if (h) binary(engine, "mul", S, windowOf(h, [n, d], inputAxis === 1 ? [0, 1] : [1, 0]), S);
  if (inputAxis === 1) {
    const mask = temporaries.operand("bool", [n, d]);
    smallest(engine, S, mask, { group, count });
    return mask;
  }
  const transposed = temporaries.operand("bool", [d, n]);
  smallest(engine, windowOf(S, [d, n], [1, d]), transposed, { group, count });
  const mask = temporaries.operand("bool", [n, d]);
  copyOperand(engine, windowOf(transposed, [n, d], [1, n]), mask);
  return mask;
}

/** Sums in f64 that several tasks each have their own row of, rounded up to four. */
function wideSums(temporaries: Temporaries, tasks: number, length: number) {
  const row = 8 * roundUpToFour(length);
  const block = temporaries.allocate(tasks * row);
  return {
    at: (task: number) => block.address + task * row,
    /** Adds up the rows in order. */
    into(engine: Engine, target: Operand, count: number) {
      const { f32, u8 } = engine.memory;
      const wide = new Float64Array(u8.buffer, block.address, (tasks * row) / 8);
      const to = addressOf(target) >>> 2;
      for (let i = 0; i < count; i++) {
        let sum = 0;
        for (let task = 0; task < tasks; task++) sum += wide[(task * row) / 8 + i]!;
        f32[to + i] = sum;
      }
    },
  };
}

export function groupEntropy(
  engine: Engine,
  y: Operand,
  h: Operand | undefined,
  out: Operand,
  energy: Operand,
  entropies: Operand,
  { axis, accumulate }: GroupEntropyOptions,
): void {
  const [n, d] = y.shape as [number, number];
  const { f32 } = engine.memory;
  if (n * d === 0) {
    for (const { buffer, shape, ...rest } of [energy, entropies]) {
      const start = addressOf({ buffer, shape, ...rest }) >>> 2;
      f32.fill(0, start, start + shape[0]!);
    }
    return;
  }
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.contiguous(y);
    const scale = scaleOf(temporaries, engine, h, axis === 1 ? d : 1);
    const [from, to, hAt, row] = [addressOf(source), addressOf(out), addressOf(scale), 4 * d];
    const keep = accumulate ? -1 : 0;
    const cost = n * d * entropyCost;
    if (axis === 1) {
      const rows = stretches(n, taskRows);
      const sums = wideSums(temporaries, rows.length, d);
      const tasks = rows.map(([first, size], i) => [
        ...[from + first * row, hAt, to + first * row, sums.at(i)],
        ...[addressOf(entropies) + 4 * first, row, d, size, keep],
      ]);
      parallel(engine, "groupEntropyRows", tasks, cost);
      sums.into(engine, energy, d);
      return;
    }
    const columns = stretches(d, taskColumns);
    const sums = wideSums(temporaries, columns.length, n);
    const perColumn = temporaries.operand("f32", [roundUpToFour(d)]);
    const tasks = columns.map(([first, size], i) => [
      ...[from + 4 * first, hAt, to + 4 * first, sums.at(i)],
      ...[addressOf(perColumn) + 4 * first, row, size, n, keep, h ? 4 : 0],
    ]);
    parallel(engine, "groupEntropyColumns", tasks, cost);
    sums.into(engine, energy, n);
    copyOperand(engine, windowOf(perColumn, [d], [1]), entropies);
  });
}
