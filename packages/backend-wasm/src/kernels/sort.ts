import type { Operand } from "@denoise-rotator/core";
import { pairwiseLimit, unrolledGroups } from "../emit/smallest.js";
import { smallestRowsBytes } from "../emit/smallest-rows.js";
import type { Engine } from "../engine/engine.js";
import { parallel, splitEvenly, taskCount } from "../threads/parallel.js";
import { elementCount } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { RadixSorter, writeSortKeys } from "./sort-keys.js";
import { withTemporaries } from "./temporaries.js";

export function argsort(
  engine: Engine,
  x: Operand,
  out: Operand,
  options: { readonly descending: boolean },
): void {
  const total = elementCount(x.shape);
  if (total === 0) return;
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.contiguous(x);
    const size = x.shape[x.shape.length - 1] ?? 1;
    const sorter = new RadixSorter(size);
    const to = addressOf(out) >>> 2;
    for (let start = 0; start < total; start += size) {
      writeSortKeys(engine, source, start, sorter.keys, options.descending);
      sorter.sort(engine.memory.i32.subarray(to + start, to + start + size));
    }
  });
}

export function smallest(
  engine: Engine,
  x: Operand,
  out: Operand,
  { group, count }: { readonly group: number; readonly count: number },
): void {
  const total = elementCount(x.shape);
  if (total === 0) return;
  const to = addressOf(out);
  if (count <= 0 || count >= group) {
    engine.memory.u8.fill(count <= 0 ? 0 : 1, to, to + total);
    return;
  }
  withTemporaries(engine, (temporaries) => {
    const source = x.dtype === "bool" ? temporaries.copy(x, "i32") : temporaries.contiguous(x);
    const { dtype } = source;
    const from = addressOf(source);
    const groups = total / group;
    const unrolled = unrolledGroups.includes(group);
    const cost = (unrolled ? 0.4 : Math.max(0.8, 0.1 * Math.min(group, pairwiseLimit))) * total;
    const tasks = splitEvenly(groups, taskCount(engine, cost)).map(([first, size]): number[] => {
      const [source, target] = [from + 4 * first * group, to + first * group];
      if (unrolled) return [source, target, size, count];
      if (group <= pairwiseLimit) return [source, target, group, size, count];
      return [source, target, temporaries.allocate(smallestRowsBytes(group)).address, group, count, size];
    });
    const kind = unrolled ? group : group <= pairwiseLimit ? "Groups" : "Rows";
    parallel(engine, `smallest${kind}_${dtype}`, tasks, cost);
  });
}
