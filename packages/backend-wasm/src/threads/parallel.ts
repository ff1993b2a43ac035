import type { Engine } from "../engine/engine.js";

/**
 * Runs an exported kernel once per argument list, on the threads of the pool where that pays.
 *
 * - `tasks` may run in any order and at the same time: they write disjoint memory, and use no scratch memory but their
 *   thread's own (`threadArea` in the assembler). Memory is allocated before, since tasks of other threads cannot.
 * - How work is split must not change its results: let every element of the result come from one task, computed the
 *   same way whatever the task's bounds. Then results do not depend on the number of threads.
 * - `nanoseconds` estimates what all tasks take one thread. Waking the pool costs about 50 µs, so smaller jobs run here.
 *
 * ```ts
 * const rows = splitEvenly(count, taskCount(engine, nanoseconds));
 * parallel(engine, "softmaxRows", rows.map(([first, size]) => [from + first * row, …, size]), nanoseconds);
 * ```
 */
export function parallel(
  engine: Engine,
  kernel: string,
  tasks: readonly (readonly number[])[],
  nanoseconds: number,
): void {
  if (tasks.length === 0) return;
  const { pool } = engine;
  if (tasks.length > 1 && pool?.isWorth(nanoseconds)) {
    pool.run(engine.kernelIndex.get(kernel)!, tasks);
    return;
  }
  const run = engine.native[kernel]!;
  for (const task of tasks) run(...task);
}

/** Nanoseconds below which a task is not worth splitting further. */
const smallestTask = 10_000;

/** Into how many tasks to split work of `nanoseconds`: 1 where only this thread will run, else a few per thread. */
export function taskCount(engine: Engine, nanoseconds: number): number {
  const { pool } = engine;
  if (!pool?.isWorth(nanoseconds)) return 1;
  return Math.max(1, Math.min(4 * pool.threads, Math.floor(nanoseconds / smallestTask)));
}

/**
 * Splits `count` into at most `parts` stretches `[first, size]`, none empty; all but the last are a multiple of `step`.
 */
export function splitEvenly(
  count: number,
  parts: number,
  step = 1,
): (readonly [first: number, size: number])[] {
  const size = Math.max(step, Math.ceil(count / parts / step) * step);
  const stretches: (readonly [number, number])[] = [];
  for (let first = 0; first < count; first += size) stretches.push([first, Math.min(size, count - first)]);
  return stretches;
}

/**
 * Splits `count` into stretches `[first, size]` of at most `most`, multiples of `step` but for the last. For several
 * threads they become shorter towards the end, so that threads end together (guided self-scheduling, Polychronopoulos &
 * Kuck 1987).
 */
export function splitTapering(
  count: number,
  threads: number,
  most: number,
  step: number,
): (readonly [first: number, size: number])[] {
  if (threads === 1) return splitEvenly(count, Math.ceil(count / most), step);
  const stretches: (readonly [number, number])[] = [];
  for (let first = 0; first < count; ) {
    const share = Math.ceil((count - first) / (2 * threads) / step) * step;
    const size = Math.min(count - first, Math.max(leastSteps * step, Math.min(most, share)));
    stretches.push([first, size]);
    first += size;
  }
  return stretches;
}

/** Shortest stretch at the end, in steps. */
const leastSteps = 3;
