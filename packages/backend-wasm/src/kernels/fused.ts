import type { Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { runMap } from "./elementwise.js";
import { collapse, elementCount, forEachOffset, type Iteration } from "./iteration.js";
import { addressOf } from "./scratch.js";
import { withTemporaries } from "./temporaries.js";

/** All axes but the last, as blocks of evenly spaced rows. */
function rowsOf(shape: readonly number[], strides: readonly (readonly number[])[]) {
  const { shape: lead, strides: steps } = collapse(
    shape.slice(0, -1),
    strides.map((list) => list.slice(0, -1)),
  );
  const last = lead.length - 1;
  const outer: Iteration = { shape: lead.slice(0, -1), strides: steps.map((list) => list.slice(0, -1)) };
  return { rows: lead[last] ?? 1, row: steps.map((list) => list[last] ?? 0), outer };
}

export function softmax(engine: Engine, x: Operand, out: Operand): void {
  if (elementCount(out.shape) === 0) return;
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.withUnitColumns(x);
    const columns = x.shape[x.shape.length - 1] ?? 1;
    const { rows, row, outer } = rowsOf(out.shape, [source.strides, out.strides]);
    const [from, to] = [addressOf(source), addressOf(out)];
    const run = engine.native.softmaxRows!;
    forEachOffset(outer, ([xOffset, outOffset]) => {
      run(from + 4 * xOffset!, 4 * row[0]!, to + 4 * outOffset!, 4 * row[1]!, columns, rows);
    });
  });
}

export function crossEntropy(engine: Engine, logits: Operand, targets: Operand, out: Operand): void {
  const [rows, columns] = logits.shape as [number, number];
  if (rows === 0) return;
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.withUnitColumns(logits);
    const sums = temporaries.operand("f32", [rows, 2]);
    const stride = source.strides[0]!;
    engine.native.expSumRows!(addressOf(source), 4 * stride, addressOf(sums), columns, rows);
    const { f32, i32 } = engine.memory;
    const [from, pairs, to] = [addressOf(source) >>> 2, addressOf(sums) >>> 2, addressOf(out) >>> 2];
    const target = addressOf(targets) >>> 2;
    for (let r = 0; r < rows; r++) {
      const wanted = i32[target + r * targets.strides[0]!]!;
      const inside = wanted >= 0 && wanted < columns;
      const logit = inside ? f32[from + r * stride + wanted]! : Number.NaN;
      f32[to + r] = f32[pairs + 2 * r]! - logit + Math.log(f32[pairs + 2 * r + 1]!);
    }
  });
}

export function rmsNorm(
  engine: Engine,
  x: Operand,
  gain: Operand,
  out: Operand,
  options: { readonly eps: number },
): void {
  if (elementCount(out.shape) === 0) return;
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.withUnitColumns(x);
    const gains = addressOf(temporaries.contiguous(gain));
    const columns = x.shape[x.shape.length - 1]!;
    const { rows, row, outer } = rowsOf(out.shape, [source.strides, out.strides]);
    const [from, to] = [addressOf(source), addressOf(out)];
    const run = engine.native.rmsNormRows!;
    forEachOffset(outer, ([xOffset, outOffset]) => {
      const [xRow, outRow] = [4 * row[0]!, 4 * row[1]!];
      run(from + 4 * xOffset!, xRow, gains, to + 4 * outOffset!, outRow, columns, rows, options.eps);
    });
  });
}

export function rope(engine: Engine, x: Operand, cos: Operand, sin: Operand, out: Operand): void {
  if (elementCount(out.shape) === 0) return;
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.withUnitColumns(x);
    const [c, s] = [temporaries.withUnitColumns(cos), temporaries.withUnitColumns(sin)];
    const rank = x.shape.length;
    const rows = x.shape[rank - 2]!;
    const half = x.shape[rank - 1]! / 2;
    const lead = out.shape.slice(0, -2);
    const batch = collapse(lead, [source.strides.slice(0, -2), out.strides.slice(0, -2)]);
    const [from, to] = [addressOf(source), addressOf(out)];
    const [fromRow, toRow] = [4 * source.strides[rank - 2]!, 4 * out.strides[rank - 2]!];
    const tables = [addressOf(c), 4 * c.strides[0]!, addressOf(s), 4 * s.strides[0]!] as const;
    const run = engine.native.ropeRows!;
    forEachOffset(batch, ([xOffset, outOffset]) => {
      run(from + 4 * xOffset!, fromRow, ...tables, to + 4 * outOffset!, toRow, half, rows);
    });
  });
}

export const swiglu = (engine: Engine, gate: Operand, up: Operand, out: Operand): void =>
  runMap(engine, "swiglu", ["word", "word"], [gate, up], out);

export function rowEntropy(engine: Engine, x: Operand, out: Operand): void {
  if (elementCount(out.shape) === 0) return;
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.withUnitColumns(x);
    const columns = x.shape[x.shape.length - 1]!;
    const { rows, row, outer } = rowsOf(x.shape, [source.strides]);
    const [from, to] = [addressOf(source), addressOf(out)];
    forEachOffset(outer, ([offset], index) => {
      engine.native.entropyRows!(from + 4 * offset!, 4 * row[0]!, to + 4 * index * rows, columns, rows);
    });
  });
}
