import type { Operand } from "@denoise-rotator/core";
import { pairwiseLimit } from "../emit/smallest.js";
import { smallestRowsBytes } from "../emit/smallest-rows.js";
import type { Engine } from "../engine/engine.js";
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
    if (group === 4) engine.native[`smallest4_${dtype}`]!(from, to, total, count);
    else if (group <= pairwiseLimit) {
      engine.native[`smallestGroups_${dtype}`]!(from, to, group, total / group, count);
    } else {
      const keys = temporaries.allocate(smallestRowsBytes(group)).address;
      engine.native[`smallestRows_${dtype}`]!(from, to, keys, group, count, total / group);
    }
  });
}
