import type { AttentionOptions, Operand } from "@denoise-rotator/core";
import { attentionTile } from "../emit/attention.js";
import type { Engine } from "../engine/engine.js";
import { parallel } from "../threads/parallel.js";
import { fillOperand } from "./copy.js";
import { productNanoseconds } from "./gemm.js";
import { elementCount } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { withTemporaries } from "./temporaries.js";

/**
 * FlashAttention's forward pass (Dao et al. 2022): softmax over blocks of keys, those that no query sees left out. Memory
 * besides the operands: `layout.rowWorkBytes` a thread.
 */
export function attention(
  engine: Engine,
  q: Operand,
  k: Operand,
  v: Operand,
  out: Operand,
  { scale, causal }: AttentionOptions,
): void {
  if (elementCount(out.shape) === 0) return;
  const [batches, heads, queries, width] = q.shape as [number, number, number, number];
  const [, groups, keys, valueWidth] = v.shape as [number, number, number, number];
  if (keys === 0) {
    fillOperand(engine, out, 0);
    return;
  }
  withTemporaries(engine, (temporaries) => {
    const [query, key, value] = [q, k, v].map((x) => temporaries.withUnitColumns(x)) as [
      Operand,
      Operand,
      Operand,
    ];
    const at = (x: Operand, batch: number, head: number, row: number) =>
      addressOf(x) + 4 * (batch * x.strides[0]! + head * x.strides[1]! + row * x.strides[2]!);
    const row = (x: Operand) => 4 * x.strides[2]!;
    const tasks: number[][] = [];
    // Queries that see most come first, so that no thread is left with a long task at the end.
    for (let tile = Math.ceil(queries / attentionTile.queries) - 1; tile >= 0; tile--) {
      const start = tile * attentionTile.queries;
      const rows = Math.min(attentionTile.queries, queries - start);
      // Query i sees keys up to i + keys − queries.
      const firstVisible = causal ? start + keys - queries + 1 : keys;
      for (let batch = 0; batch < batches; batch++) {
        for (let head = 0; head < heads; head++) {
          const group = Math.floor((head * groups) / heads);
          tasks.push([
            ...[at(query, batch, head, start), row(query), at(key, batch, group, 0), row(key)],
            ...[at(value, batch, group, 0), row(value), at(out, batch, head, start), row(out)],
            ...[rows, keys, width, valueWidth, firstVisible, Number(causal), scale],
          ]);
        }
      }
    }
    const products = productNanoseconds(batches * heads * queries, keys, width + valueWidth);
    parallel(engine, "attendTile", tasks, causal ? products / 2 : products);
  });
}
