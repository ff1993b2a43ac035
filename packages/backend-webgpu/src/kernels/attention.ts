import { type AttentionOptions, type Operand, sizeOf } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { matmul } from "../matmul/matmul.js";
import { fill } from "./copy.js";
import { maskedSoftmax } from "./softmax.js";

/** Most bytes of scores at a time. */
const scoreBytes = 2 ** 25;
/** Most queries of a block where they are causal: keys that none of them sees are left out. */
const causalQueries = 256;

/** Queries of some batches whose scores are there at once. */
export interface AttentionBlock {
  readonly batch: number;
  readonly batches: number;
  readonly start: number;
  readonly queries: number;
  /** Keys that any of them sees, at least one. */
  readonly keys: number;
  /** The last key that the first query sees; negative where it sees none. */
  readonly visible: number;
}

/** Blocks that cover all queries of all batches, each with at most `scoreBytes` of scores or one query. */
export function attentionBlocks(
  [batches, heads, queries]: readonly [number, number, number],
  keys: number,
  causal: boolean,
): AttentionBlock[] {
  const rows = Math.max(1, Math.floor(scoreBytes / (4 * keys * heads)));
  const block = Math.min(rows, causal ? causalQueries : queries, queries);
  // More than one batch at a time only where all their queries fit.
  const together = block < queries ? 1 : Math.max(1, Math.min(batches, Math.floor(rows / queries)));
  const blocks: AttentionBlock[] = [];
  for (let batch = 0; batch < batches; batch += together) {
    for (let start = 0; start < queries; start += block) {
      const taken = Math.min(block, queries - start);
      const visible = causal ? start + keys - queries : keys;
      blocks.push({
        ...{ batch, batches: Math.min(together, batches - batch), start, queries: taken, visible },
        keys: Math.max(1, Math.min(keys, visible + taken)),
      });
    }
  }
  return blocks;
}

/** For each block the scores of all heads by one product, softmax in place, another product. */
export function attention(
  engine: Engine,
  q: Operand,
  k: Operand,
  v: Operand,
  out: Operand,
  { scale, causal }: AttentionOptions,
): void {
  if (sizeOf(out.shape) === 0) return;
  const keys = k.shape[2]!;
  if (keys === 0) {
    fill(engine, out, 0);
    return;
  }
  for (const block of attentionBlocks(q.shape as unknown as [number, number, number], keys, causal)) {
    const part = (x: Operand, row: number, rows: number) => window(x, block.batch, block.batches, row, rows);
    const [query, target] = [q, out].map((x) => part(x, block.start, block.queries)) as [Operand, Operand];
    const [key, value] = [k, v].map((x) => part(x, 0, block.keys)) as [Operand, Operand];
    attend(engine, query, key, value, target, { scale, first: block.visible });
  }
}

function window(x: Operand, batch: number, count: number, row: number, rows: number): Operand {
  const [, heads, , width] = x.shape as [number, number, number, number];
  return {
    ...x,
    shape: [count, heads, rows, width],
    offset: x.offset + batch * x.strides[0]! + row * x.strides[2]!,
  };
}

/** `first` is the last key that the first query sees. */
function attend(
  engine: Engine,
  q: Operand,
  k: Operand,
  v: Operand,
  out: Operand,
  { scale, first }: { readonly scale: number; readonly first: number },
): void {
  const [batches, heads, queries] = q.shape as [number, number, number, number];
  const [, groups, keys] = k.shape as [number, number, number, number];
  const each = heads / groups;
  const buffer = engine.allocate(4 * batches * heads * queries * keys);
  /** Heads by the group whose keys they share. */
  const grouped = (x: Operand): Operand => ({
    ...x,
    shape: [batches, groups, each, ...x.shape.slice(2)],
    strides: [x.strides[0]!, each * x.strides[1]!, x.strides[1]!, ...x.strides.slice(2)],
  });
  const shared = (x: Operand, turned: boolean): Operand => {
    const [rows, columns] = x.shape.slice(2) as [number, number];
    const [row, column] = x.strides.slice(2) as [number, number];
    return {
      ...x,
      shape: [batches, groups, each, ...(turned ? [columns, rows] : [rows, columns])],
      strides: [x.strides[0]!, x.strides[1]!, 0, ...(turned ? [column, row] : [row, column])],
    };
  };
  const scores: Operand = {
    ...{ buffer, dtype: "f32", offset: 0, shape: [batches, heads, queries, keys] },
    strides: [heads * queries * keys, queries * keys, keys, 1],
  };
  const plain = { accumulate: false, alpha: 1 };
  matmul(engine, grouped(q), shared(k, true), grouped(scores), { ...plain, alpha: scale });
  const stacked = { ...scores, shape: [batches * heads, queries, keys], strides: [queries * keys, keys, 1] };
  maskedSoftmax(engine, stacked, first);
  matmul(engine, grouped(scores), shared(v, false), grouped(out), plain);
  engine.free(buffer);
}
