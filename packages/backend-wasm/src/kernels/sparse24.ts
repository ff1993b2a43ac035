import type { Operand, Sparse24Form } from "@denoise-rotator/core";
import { fewName } from "../emit/sparse24-few.js";
import {
  arrangements,
  blocksOf,
  ownCodes,
  rowsForm,
  type Sparse24Arrangement,
  stepsOf,
} from "../emit/sparse24-form.js";
import { type PanelTile, rowsName } from "../emit/sparse24-product.js";
import { sharedTilesOf } from "../emit/sparse24-shared-tile.js";
import { tilesOf } from "../emit/sparse24-tile.js";
import { unpackName } from "../emit/sparse24-unpack.js";
import type { Engine } from "../engine/engine.js";
import { parallel, splitEvenly, splitTapering, taskCount } from "../threads/parallel.js";
import { addressOf } from "./scratch.js";
import { type Temporaries, withTemporaries } from "./temporaries.js";

/** Nanoseconds to reckon with for a kept weight: read for the first token, and used for each. */
const keptCost = 0.08;
const useCost = 0.04;

/** Most tokens that are packed at once. */
const mostTokens = 960;
/** Most sums of a task, so that they and what they are made of fit the second cache. */
const mostSums = 48 << 10;
/** Most rows of W in a task; with the stretch they stay within the second cache. */
const mostRows = 192;

/**
 * Most tokens that go without panels. V8 before 13 schedules a body of two tokens badly, and before relaxed SIMD takes two
 * instructions for a shuffle, which shared positions need none of.
 */
function mostFew({ features }: Engine, { codeRows }: Sparse24Arrangement): number {
  if (!features.tile.separateSteps) return 15;
  if (codeRows > 1) return 12;
  return features.fma ? 6 : 3;
}

const arrangementOf = ({ arrangement }: Sparse24Form): Sparse24Arrangement =>
  arrangements.find(({ name }) => name === arrangement)!;

interface Rows {
  readonly address: number;
  /** Bytes from row to row. */
  readonly stride: number;
  readonly count: number;
}

/** x·Wᵀ. Every sum is formed in the same order whatever the number of tokens or threads. */
export function sparse24Matmul(
  engine: Engine,
  x: Operand,
  words: Operand,
  out: Operand,
  form: Sparse24Form,
): void {
  const count = x.shape[0]!;
  if (count === 0) return;
  withTemporaries(engine, (temporaries) => {
    const dense = temporaries.withUnitColumns(x);
    const stride = count === 1 ? 0 : 4 * dense.strides[0]!;
    const rows: Rows = { address: addressOf(dense), stride, count };
    const to: Rows = { address: addressOf(out), stride: 4 * form.shape[0], count };
    const weights = addressOf(words);
    if (count <= mostFew(engine, arrangementOf(form)))
      multiplyFew(engine, temporaries, rows, weights, to, form);
    else multiplyMany(engine, temporaries, rows, weights, to, form);
  });
}

function multiplyFew(
  engine: Engine,
  temporaries: Temporaries,
  x: Rows,
  weights: number,
  to: Rows,
  form: Sparse24Form,
): void {
  const [out, inputs] = form.shape;
  const from = inputs % rowsForm.stepInputs === 0 ? x : padded(engine, temporaries, x, inputs);
  const steps = stepsOf(inputs);
  const cost = ((out * inputs) / 2) * (keptCost + useCost * x.count);
  const blocks = blocksOf(out);
  const tasks = splitEvenly(out, taskCount(engine, cost), rowsForm.blockRows).map(([first, rows]) => [
    ...[weights, blocks, first / rowsForm.blockRows, steps, from.address, from.stride, x.count],
    ...[to.address + 4 * first, to.stride, rows],
  ]);
  parallel(engine, fewName(form.dtype, arrangementOf(form)), tasks, cost);
}

/** The rows with zeros behind them up to a whole step. */
function padded(engine: Engine, temporaries: Temporaries, x: Rows, inputs: number): Rows {
  const columns = rowsForm.stepInputs * stepsOf(inputs);
  const { address } = temporaries.allocate(4 * columns * x.count);
  const { f32 } = engine.memory;
  for (let row = 0; row < x.count; row++) {
    const [from, to] = [(x.address + row * x.stride) >>> 2, (address >>> 2) + row * columns];
    f32.copyWithin(to, from, from + inputs);
    f32.fill(0, to + inputs, to + columns);
  }
  return { address, stride: 4 * columns, count: x.count };
}

/** How many panels of each tile it takes for all tokens with the fewest empty places, and then the fewest panels. */
export function panelsOf([tile, ...narrower]: readonly PanelTile[], tokens: number): number[] {
  if (!tile) return [];
  const width = 4 * tile.vectors;
  const most = Math.max(0, Math.ceil(tokens / width));
  if (narrower.length === 0) return [most];
  let best: number[] = [most, ...narrower.map(() => 0)];
  let [fewest, panels] = [most * width, most];
  for (let count = Math.max(0, most - 2); count < most; count++) {
    const rest = panelsOf(narrower, tokens - count * width);
    const places = count * width + placesOf(narrower, rest);
    const all = count + rest.reduce((sum, more) => sum + more, 0);
    if (places > fewest || (places === fewest && all >= panels)) continue;
    best = [count, ...rest];
    [fewest, panels] = [places, all];
  }
  return best;
}

const placesOf = (tiles: readonly PanelTile[], counts: readonly number[]): number =>
  counts.reduce((sum, count, i) => sum + 4 * tiles[i]!.vectors * count, 0);

function multiplyMany(
  engine: Engine,
  temporaries: Temporaries,
  x: Rows,
  weights: number,
  to: Rows,
  form: Sparse24Form,
): void {
  const inputs = rowsForm.stepInputs * stepsOf(form.shape[1]);
  const parts = Math.ceil(x.count / mostTokens);
  const most = Math.ceil(x.count / parts);
  const packed = temporaries.allocate(4 * inputs * (most + 48)).address;
  for (let first = 0; first < x.count; first += most) {
    const part = (rows: Rows): Rows => ({
      ...rows,
      address: rows.address + first * rows.stride,
      count: Math.min(most, x.count - first),
    });
    multiplyPanels(engine, part(x), packed, weights, part(to), form);
  }
}

function multiplyPanels(
  engine: Engine,
  x: Rows,
  packed: number,
  weights: number,
  to: Rows,
  form: Sparse24Form,
): void {
  const [out, inputs] = form.shape;
  const arrangement = arrangementOf(form);
  const tiles = (arrangement === ownCodes ? tilesOf : sharedTilesOf)(engine.features.tile);
  const panels = panelsOf(tiles, x.count);
  const steps = stepsOf(inputs);
  const cost = ((out * inputs) / 2) * (keptCost + useCost * x.count);
  let places = 0;
  const packs = panels.flatMap((count, i) =>
    Array.from({ length: count }, () => {
      const width = 4 * tiles[i]!.vectors;
      const from = x.address + places * x.stride;
      const panelAt = packed + 4 * places * rowsForm.stepInputs * steps;
      const tokens = Math.min(width, x.count - places);
      places += width;
      return [from, x.stride, tokens, width, inputs, panelAt];
    }),
  );
  parallel(engine, "sparse24PackTokens", packs, 0.5 * inputs * x.count);
  const threads = engine.pool?.isWorth(cost) ? engine.pool.threads : 1;
  const { blockRows } = rowsForm;
  // A single panel reads every weight once: no cache needs to hold them.
  const most = packs.length === 1 ? Number.POSITIVE_INFINITY : mostRows;
  const rows = Math.floor(Math.min(most, mostSums / places) / blockRows) * blockRows;
  const all = blocksOf(out);
  const tasks = splitTapering(all, threads, Math.max(1, rows / blockRows), 1).map(([block, blocks]) => {
    const first = block * blockRows;
    const result = [to.address + 4 * first, to.stride, Math.min(out - first, blocks * blockRows), x.count];
    return [weights, all, block, steps, packed, ...panels, ...result];
  });
  parallel(engine, rowsName(form.dtype, arrangement), tasks, cost);
}

export function sparse24Unpack(engine: Engine, words: Operand, out: Operand, form: Sparse24Form): void {
  const [rows, inputs] = form.shape;
  const { blockRows } = rowsForm;
  const cost = rows * inputs;
  const tasks = splitEvenly(rows, taskCount(engine, cost), blockRows).map(([first, count]) => [
    ...[addressOf(words), blocksOf(rows), first / blockRows],
    ...[addressOf(out) + 4 * first * inputs, inputs, count],
  ]);
  parallel(engine, unpackName(form.dtype, arrangementOf(form)), tasks, cost);
}
