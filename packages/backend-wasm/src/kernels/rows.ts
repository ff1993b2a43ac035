import type { Engine } from "../engine/engine.js";
import { parallel, splitEvenly, taskCount } from "../threads/parallel.js";
import { collapse, elementCount, forEachOffset, type Iteration } from "./iteration.js";

/** Blocks of evenly spaced rows. */
export interface Rows {
  readonly rows: number;
  /** Per operand: elements from row to row. */
  readonly row: readonly number[];
  /** What is outside of blocks. */
  readonly outer: Iteration;
}

/** All axes but the last of operands of `shape`, given their strides. */
export function rowsOf(shape: readonly number[], strides: readonly (readonly number[])[]): Rows {
  const { shape: lead, strides: steps } = collapse(
    shape.slice(0, -1),
    strides.map((list) => list.slice(0, shape.length - 1)),
  );
  const last = lead.length - 1;
  const outer: Iteration = { shape: lead.slice(0, -1), strides: steps.map((list) => list.slice(0, -1)) };
  return { rows: lead[last] ?? 1, row: steps.map((list) => list[last] ?? 0), outer };
}

/**
 * Runs a kernel over rows that do not depend on each other, on all threads where that pays. `task` gives its arguments
 * for some rows of a block, from the operands' element offsets of the first one. `nanoseconds` is what all rows take.
 */
export function runRows(
  engine: Engine,
  kernel: string,
  { rows, row, outer }: Rows,
  nanoseconds: number,
  task: (offsets: readonly number[], rows: number) => readonly number[],
): void {
  const parts = Math.ceil(taskCount(engine, nanoseconds) / elementCount(outer.shape));
  const stretches = splitEvenly(rows, parts);
  const tasks: (readonly number[])[] = [];
  forEachOffset(outer, (offsets) => {
    for (const [first, size] of stretches) {
      tasks.push(
        task(
          offsets.map((offset, i) => offset + first * row[i]!),
          size,
        ),
      );
    }
  });
  parallel(engine, kernel, tasks, nanoseconds);
}
