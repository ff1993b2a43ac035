import type { AttentionOptions, Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { fillOperand } from "./copy.js";
import { gemm } from "./gemm.js";
import { elementCount } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { withTemporaries } from "./temporaries.js";

/** Queries handled together: their scores against all visible keys are the only intermediate result. */
const tileRows = 128;

/** Weights below e^−64 of a row's largest add nothing in f32. */
const leastExponent = -64;

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
    const rows = Math.min(tileRows, queries);
    const scores = temporaries.allocate(4 * rows * keys).address;
    const at = (x: Operand, batch: number, head: number, row: number) =>
      addressOf(x) + 4 * (batch * x.strides[0]! + head * x.strides[1]! + row * x.strides[2]!);
    const softmaxRows = engine.native.softmaxRows!;
    for (let batch = 0; batch < batches; batch++) {
      for (let head = 0; head < heads; head++) {
        const group = Math.floor((head * groups) / heads);
        for (let start = 0; start < queries; start += rows) {
          const count = Math.min(rows, queries - start);
          // Query i sees keys up to i + keys − queries.
          const firstVisible = start + keys - queries + 1;
          const visible = causal ? Math.max(1, Math.min(keys, firstVisible + count - 1)) : keys;
          gemm(engine, {
            m: count,
            n: visible,
            k: width,
            a: { address: at(query, batch, head, start), stride: query.strides[2]!, transposed: false },
            b: { address: at(key, batch, group, 0), stride: key.strides[2]!, transposed: true },
            out: scores,
            outStride: visible,
            alpha: scale,
            accumulate: false,
          });
          const [limit, step] = causal ? [firstVisible, 1] : [visible, 0];
          softmaxRows(scores, 4 * visible, scores, 4 * visible, visible, count, limit, step, leastExponent);
          gemm(engine, {
            m: count,
            n: valueWidth,
            k: visible,
            a: { address: scores, stride: visible, transposed: false },
            b: { address: at(value, batch, group, 0), stride: value.strides[2]!, transposed: false },
            out: at(out, batch, head, start),
            outStride: out.strides[2]!,
            alpha: 1,
            accumulate: false,
          });
        }
      }
    }
  });
}
