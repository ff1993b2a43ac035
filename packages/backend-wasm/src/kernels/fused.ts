import { contiguousStrides, type Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { parallel } from "../threads/parallel.js";
import { runMap } from "./elementwise.js";
import { collapse, elementCount, forEachOffset } from "./iteration.js";
import { rowsOf, runRows } from "./rows.js";
import { addressOf } from "./scratch.js";
import { withTemporaries } from "./temporaries.js";

/** Nanoseconds an element takes: exponentials, logarithms twice over, and mere arithmetic. */
const [exponentialCost, entropyCost, swigluCost, arithmeticCost] = [0.4, 0.7, 0.5, 0.15];

export function softmax(engine: Engine, x: Operand, out: Operand): void {
  if (elementCount(out.shape) === 0) return;
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.withUnitColumns(x);
    const columns = x.shape[x.shape.length - 1] ?? 1;
    const rows = rowsOf(out.shape, [source.strides, out.strides]);
    const [from, to] = [addressOf(source), addressOf(out)];
    const [fromRow, toRow] = [4 * rows.row[0]!, 4 * rows.row[1]!];
    const cost = exponentialCost * elementCount(out.shape);
    runRows(engine, "softmaxRows", rows, cost, ([x, y], count) => {
      return [from + 4 * x!, fromRow, to + 4 * y!, toRow, columns, count];
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
    const all = rowsOf([rows, columns], [source.strides, [2, 1]]);
    const cost = exponentialCost * elementCount(logits.shape);
    runRows(engine, "expSumRows", all, cost, ([x, y], count) => {
      return [addressOf(source) + 4 * x!, 4 * stride, addressOf(sums) + 4 * y!, columns, count];
    });
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
    const rows = rowsOf(out.shape, [source.strides, out.strides]);
    const [from, to] = [addressOf(source), addressOf(out)];
    const [fromRow, toRow] = [4 * rows.row[0]!, 4 * rows.row[1]!];
    const cost = arithmeticCost * elementCount(out.shape);
    runRows(engine, "rmsNormRows", rows, cost, ([x, y], count) => {
      return [from + 4 * x!, fromRow, gains, to + 4 * y!, toRow, columns, count, options.eps];
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
    const tasks: number[][] = [];
    forEachOffset(batch, ([xOffset, outOffset]) => {
      tasks.push([from + 4 * xOffset!, fromRow, ...tables, to + 4 * outOffset!, toRow, half, rows]);
    });
    parallel(engine, "ropeRows", tasks, arithmeticCost * elementCount(out.shape));
  });
}

export const swiglu = (engine: Engine, gate: Operand, up: Operand, out: Operand): void =>
  runMap(engine, "swiglu", ["word", "word"], [gate, up], out, swigluCost);

export function rowEntropy(engine: Engine, x: Operand, out: Operand): void {
  if (elementCount(out.shape) === 0) return;
  withTemporaries(engine, (temporaries) => {
    const source = temporaries.withUnitColumns(x);
    const columns = x.shape[x.shape.length - 1]!;
    const rows = rowsOf(x.shape, [source.strides, contiguousStrides(out.shape)]);
    const [from, to] = [addressOf(source), addressOf(out)];
    const cost = entropyCost * elementCount(x.shape);
    runRows(engine, "entropyRows", rows, cost, ([first, target], count) => {
      return [from + 4 * first!, 4 * rows.row[0]!, to + 4 * target!, columns, count];
    });
  });
}
