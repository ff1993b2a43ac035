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
import { rowsName, type Width } from "../emit/sparse24-product.js";
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
    // Where V8 schedules a body of two tokens badly, half a panel wins sooner.
    const few = engine.features.tile.separateSteps ? 8 : 15;
    if (count <= few) multiplyFew(engine, temporaries, rows, weights, to, form);
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

/** Consecutive panels of one width. */
interface Panels {
  readonly tile: Width;
  readonly count: number;
}

/** Cuts at least 9 tokens into panels, narrow ones where wide ones would be emptier; the last may be partly empty. */
export function panelsOf([wide, narrow]: readonly [Width, Width], tokens: number): Panels[] {
  const widths = [wide.vectors, narrow.vectors].map((vectors) => 4 * vectors) as [number, number];
  let best: readonly [number, number] = [Math.ceil(tokens / widths[0]), 0];
  const places = ([first, second]: readonly [number, number]) => first * widths[0] + second * widths[1];
  for (let second = 1; second <= 2; second++) {
    const other = [Math.max(0, Math.ceil((tokens - second * widths[1]) / widths[0])), second] as const;
    if (places(other) < places(best)) best = other;
  }
  return [
    { tile: wide, count: best[0] },
    { tile: narrow, count: best[1] },
  ].filter(({ count }) => count > 0);
}

function multiplyMany(
  engine: Engine,
  temporaries: Temporaries,
  x: Rows,
  weights: number,
  to: Rows,
  form: Sparse24Form,
): void {
  const inputs = rowsForm.stepInputs * stepsOf(form.shape[1]);
  const tiles = (arrangementOf(form) === ownCodes ? tilesOf : sharedTilesOf)(engine.features.tile);
  const parts = Math.ceil(x.count / mostTokens);
  const most = Math.ceil(x.count / parts);
  const packed = temporaries.allocate(4 * inputs * (most + 48)).address;
  for (let first = 0; first < x.count; first += most) {
    let [token, address] = [first, packed];
    const end = Math.min(x.count, first + most);
    for (const { tile, count } of panelsOf(tiles, end - first)) {
      const tokens = Math.min(4 * tile.vectors * count, end - token);
      const part = (rows: Rows): Rows => ({
        ...rows,
        address: rows.address + token * rows.stride,
        count: tokens,
      });
      multiplyPanels(engine, { tile, count }, part(x), address, weights, part(to), form);
      token += tokens;
      address += 4 * inputs * 4 * tile.vectors * count;
    }
  }
}

function multiplyPanels(
  engine: Engine,
  { tile, count }: Panels,
  x: Rows,
  packed: number,
  weights: number,
  to: Rows,
  form: Sparse24Form,
): void {
  const [out, inputs] = form.shape;
  const width = 4 * tile.vectors;
  const steps = stepsOf(inputs);
  const panelBytes = 4 * width * rowsForm.stepInputs * steps;
  const cost = ((out * inputs) / 2) * (keptCost + useCost * x.count);
  const packs = Array.from({ length: count }, (_, panel) => {
    const tokens = Math.min(width, x.count - panel * width);
    const from = x.address + panel * width * x.stride;
    return [from, x.stride, tokens, width, inputs, packed + panel * panelBytes];
  });
  parallel(engine, "sparse24PackTokens", packs, 0.5 * inputs * x.count);
  const threads = engine.pool?.isWorth(cost) ? engine.pool.threads : 1;
  const { blockRows } = rowsForm;
  const rows = Math.floor(Math.min(mostRows, mostSums / (width * count)) / blockRows) * blockRows;
  const all = blocksOf(out);
  const tasks = splitTapering(all, threads, Math.max(1, rows / blockRows), 1).map(([block, blocks]) => {
    const first = block * blockRows;
    const height = Math.min(out - first, blocks * blockRows);
    return [weights, all, block, steps, packed, count, to.address + 4 * first, to.stride, height, x.count];
  });
  parallel(engine, rowsName(form.dtype, tile, arrangementOf(form)), tasks, cost);
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
