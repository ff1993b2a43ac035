import type { AttentionOptions, Operand } from "@denoise-rotator/core";
import { attentionStateBytes } from "../emit/attention.js";
import type { Engine } from "../engine/engine.js";
import { fillOperand } from "./copy.js";
import { gemm } from "./gemm.js";
import { elementCount } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { withTemporaries } from "./temporaries.js";

/** Queries and keys handled together: their scores are the only intermediate result. Multiples of every GEMM tile. */
const queryRows = 120;
const keyColumns = 480;

/** One head's operands: addresses and elements between rows. */
interface Head {
  readonly query: number;
  readonly queryStride: number;
  readonly key: number;
  readonly keyStride: number;
  readonly value: number;
  readonly valueStride: number;
  readonly out: number;
  readonly outStride: number;
}

interface Sizes {
  readonly queries: number;
  readonly keys: number;
  readonly width: number;
  readonly valueWidth: number;
}

/** FlashAttention's forward pass (Dao et al. 2022): softmax over blocks of keys, those no query sees left out. */
export function attention(
  engine: Engine,
  q: Operand,
  k: Operand,
  v: Operand,
  out: Operand,
  options: AttentionOptions,
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
    const scratch = temporaries.allocate(4 * queryRows * keyColumns + attentionStateBytes * queryRows);
    const at = (x: Operand, batch: number, head: number) =>
      addressOf(x) + 4 * (batch * x.strides[0]! + head * x.strides[1]!);
    for (let batch = 0; batch < batches; batch++) {
      for (let head = 0; head < heads; head++) {
        const group = Math.floor((head * groups) / heads);
        const one: Head = {
          query: at(query, batch, head),
          queryStride: query.strides[2]!,
          key: at(key, batch, group),
          keyStride: key.strides[2]!,
          value: at(value, batch, group),
          valueStride: value.strides[2]!,
          out: at(out, batch, head),
          outStride: out.strides[2]!,
        };
        for (let start = 0; start < queries; start += queryRows) {
          attendTile(engine, one, { queries, keys, width, valueWidth }, start, scratch.address, options);
        }
      }
    }
  });
}

/** The queries from `start` on, at most {@link queryRows} of them. */
function attendTile(
  engine: Engine,
  head: Head,
  { queries, keys, width, valueWidth }: Sizes,
  start: number,
  scratch: number,
  { scale, causal }: AttentionOptions,
): void {
  const { startAttention, attendRows, finishAttention } = engine.native;
  const rows = Math.min(queryRows, queries - start);
  const out = head.out + 4 * start * head.outStride;
  const outRow = 4 * head.outStride;
  const state = scratch + 4 * queryRows * keyColumns;
  // Query i sees keys up to i + keys − queries.
  const firstVisible = causal ? start + keys - queries + 1 : keys;
  const seen = causal ? Math.min(keys, firstVisible + rows - 1) : keys;
  startAttention!(state, out, outRow, valueWidth, rows);
  for (let from = 0; from < seen; from += keyColumns) {
    const columns = Math.min(keyColumns, seen - from);
    gemm(engine, {
      m: rows,
      n: columns,
      k: width,
      a: { address: head.query + 4 * start * head.queryStride, stride: head.queryStride, transposed: false },
      b: { address: head.key + 4 * from * head.keyStride, stride: head.keyStride, transposed: true },
      out: scratch,
      outStride: columns,
      alpha: scale,
      accumulate: false,
    });
    const visible = firstVisible - from;
    attendRows!(scratch, 4 * columns, state, out, outRow, valueWidth, columns, rows, visible, Number(causal));
    gemm(engine, {
      m: rows,
      n: valueWidth,
      k: columns,
      a: { address: scratch, stride: columns, transposed: false },
      b: { address: head.value + 4 * from * head.valueStride, stride: head.valueStride, transposed: false },
      out,
      outStride: head.outStride,
      alpha: 1,
      accumulate: true,
    });
  }
  finishAttention!(state, out, outRow, valueWidth, rows);
}
