import type { Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { elementCount } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { RadixSelector, RadixSorter, writeSortKeys } from "./sort-keys.js";
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

/** Groups up to this size are ranked by comparing all pairs. */
const pairwiseLimit = 32;

export function smallest(
  engine: Engine,
  x: Operand,
  out: Operand,
  options: { readonly group: number; readonly count: number },
): void {
  const total = elementCount(x.shape);
  if (total === 0) return;
  const { group, count } = options;
  const { u8 } = engine.memory;
  const to = addressOf(out);
  if (count <= 0 || count >= group) {
    u8.fill(count <= 0 ? 0 : 1, to, to + total);
    return;
  }
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.contiguous(x);
    if (group === 4 && x.dtype !== "bool") {
      engine.native[`smallest4_${x.dtype}`]!(addressOf(source), to, total, count);
      return;
    }
    const { u8: marks } = engine.memory;
    const keys = new Uint32Array(group);
    const selector = new RadixSelector();
    for (let start = 0; start < total; start += group) {
      writeSortKeys(engine, source, start, keys, false);
      if (group <= pairwiseLimit) markByPairs(keys, count, marks, to + start);
      else markByThreshold(selector, keys, count, marks, to + start);
    }
  });
}

function markByPairs(keys: Uint32Array, count: number, marks: Uint8Array, to: number): void {
  const size = keys.length;
  for (let i = 0; i < size; i++) {
    const key = keys[i]!;
    let before = 0;
    for (let j = 0; j < i; j++) if (keys[j]! <= key) before++;
    for (let j = i + 1; j < size; j++) if (keys[j]! < key) before++;
    marks[to + i] = Number(before < count);
  }
}

function markByThreshold(
  selector: RadixSelector,
  keys: Uint32Array,
  count: number,
  marks: Uint8Array,
  to: number,
): void {
  const { key: threshold, equal } = selector.select(keys, count - 1);
  let left = equal;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    const marked = key < threshold || (key === threshold && left-- > 0);
    marks[to + i] = Number(marked);
  }
}
