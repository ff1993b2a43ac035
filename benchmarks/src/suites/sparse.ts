import { existsSync, readFileSync } from "node:fs";
import { type PackedProduct, packedProducts } from "@denoise-rotator/backend-wasm";
import { median } from "@denoise-rotator/bench";
import { engineVersions, type Machine, machine } from "../machine.js";
import { type BlockRow, measureBlock } from "./sparse-block.js";
import { fastest, processorTime, takeTurns } from "./turns.js";

/** Shapes `[out, in]` of linear layers. */
const sites = [
  { model: "smollm2-135m", out: 576, inputs: 576 },
  { model: "smollm2-135m", out: 1536, inputs: 576 },
  { model: "smollm2-135m", out: 576, inputs: 1536 },
  { model: "llama-3.2-1b", out: 2048, inputs: 2048 },
  { model: "llama-3.2-1b", out: 8192, inputs: 2048 },
  { model: "llama-3.2-1b", out: 2048, inputs: 8192 },
] as const;

/** Tokens, and whether the weights come from memory: several of them take turns, more than caches hold. */
const loads = [
  { tokens: 1, streaming: false },
  { tokens: 1, streaming: true },
  { tokens: 4, streaming: false },
  { tokens: 16, streaming: false },
  { tokens: 64, streaming: false },
  { tokens: 512, streaming: false },
] as const;

/** More than the last cache of any machine we know. */
const streamBytes = 192 << 20;

export interface SparseRow {
  readonly site: string;
  readonly tokens: number;
  readonly streaming: boolean;
  readonly threads: number;
  readonly contender: PackedProduct["name"];
  readonly medianMs: number;
  /** The fastest sample: what a machine that others use as well still tells. */
  readonly bestMs: number;
  /** Of a dense product of the shape in the median's time. */
  readonly gflops: number;
  /** How many times as fast as the fastest dense contender, by medians and by the fastest samples. */
  readonly speedup: number;
  readonly bestSpeedup: number;
  readonly weightBytes: number;
}

export interface SparseResult {
  readonly suite: "sparse";
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly SparseRow[];
  readonly blocks: readonly BlockRow[];
}

export interface SparseOptions {
  readonly quick: boolean;
  readonly only: RegExp | undefined;
  readonly threads: readonly number[];
  /** Rounds of each contender. Default: what fits into 0.7 s, at least 5. */
  readonly rounds: number | undefined;
  /** Result whose rows stay where they are not measured anew. */
  readonly kept: string;
  progress(line: string): void;
}

export async function runSparse({
  quick,
  only,
  threads,
  rounds,
  kept,
  progress,
}: SparseOptions): Promise<SparseResult> {
  const rows: SparseRow[] = [];
  const blocks: BlockRow[] = [];
  for (const count of threads) {
    if (!only || only.test("block")) {
      progress(`block, ${count} threads`);
      blocks.push(...(await measureBlock(count, [64, 512])));
    }
    const products = await packedProducts(count);
    for (const { model, out, inputs } of quick ? sites.slice(0, 1) : sites) {
      const site = `${model} ${out}x${inputs}`;
      if (only && !only.test(site)) continue;
      progress(`${site}, ${count} threads`);
      const shape = { out, inputs, tokens: Math.max(...loads.map(({ tokens }) => tokens)), streamBytes };
      products.measure(shape, (contenders) => {
        for (const load of loads) {
          const suiting = contenders.filter((one) => one.suits(load.tokens));
          checkAgreement(suiting, load.tokens, out);
          const times = timesOf(suiting, load, out * inputs, rounds, count);
          const fastestDense = (of: (samples: readonly number[]) => number) =>
            Math.min(...suiting.flatMap(({ name }, i) => (name.startsWith("dense") ? [of(times[i]!)] : [])));
          const [denseMedian, denseBest] = [fastestDense(median), fastestDense(fastest)];
          suiting.forEach(({ name, weightBytes }, i) => {
            const [medianMs, bestMs] = [median(times[i]!), fastest(times[i]!)];
            rows.push({
              ...{ site, ...load, threads: count, contender: name, medianMs, bestMs, weightBytes },
              gflops: (2 * out * inputs * load.tokens) / medianMs / 1e6,
              speedup: denseMedian / medianMs,
              bestSpeedup: denseBest / bestMs,
            });
          });
        }
      });
    }
    await products.dispose();
  }
  const before = existsSync(kept) ? (JSON.parse(readFileSync(kept, "utf8")) as SparseResult) : undefined;
  return {
    suite: "sparse",
    machine: machine(),
    versions: engineVersions(),
    rows: [...stillValid(before?.rows, rows, placeOf), ...rows].sort(byPlace),
    blocks: [...stillValid(before?.blocks, blocks, blockPlaceOf), ...blocks].sort(
      (a, b) => a.threads - b.threads || a.tokens - b.tokens,
    ),
  };
}

type Load = (typeof loads)[number];

function timesOf(
  contenders: readonly PackedProduct[],
  { tokens, streaming }: Load,
  weights: number,
  rounds: number | undefined,
  threads: number,
): number[][] {
  const calls = Math.max(1, Math.round(1e8 / (2 * weights * tokens) / (tokens === 1 ? 10 : 1)));
  let copy = 0;
  const runs = contenders.map(
    ({ run }) =>
      () =>
        run(tokens, streaming ? copy++ : 0),
  );
  // Where the weight shall come from a cache it is there.
  const before = streaming ? undefined : (index: number) => contenders[index]!.run(tokens, 0);
  const clock = threads === 1 ? { clock: processorTime } : {};
  return takeTurns(runs, calls, { rounds, ...clock, ...(before ? { before } : {}) });
}

/** Contenders whose rows share positions alike have the same weights; bf16 rounds them. */
function checkAgreement(all: readonly PackedProduct[], tokens: number, out: number): void {
  for (const rows of new Set(all.map(({ rowsPerPattern }) => rowsPerPattern))) {
    checkEqual(
      all.filter(({ rowsPerPattern }) => rowsPerPattern === rows),
      tokens,
      out,
    );
  }
}

function checkEqual(contenders: readonly PackedProduct[], tokens: number, out: number): void {
  const results = contenders.map(({ run, result }) => {
    run(tokens, 0);
    return result(tokens);
  });
  const size = Math.sqrt(results[0]!.reduce((sum, y) => sum + y * y, 0) / (tokens * out));
  for (const [i, result] of results.entries()) {
    const bound = (contenders[i]!.name.endsWith("bf16") ? 2e-2 : 1e-4) * size;
    const bad = result.findIndex((y, at) => !(Math.abs(y - results[0]![at]!) <= bound));
    if (bad >= 0)
      throw new Error(`${contenders[i]!.name}: element ${bad} is ${result[bad]}, not ${results[0]![bad]}`);
  }
}

const placeOf = ({ site, tokens, streaming, threads, contender }: SparseRow): string =>
  [site, threads, tokens, streaming, contender].join();

const blockPlaceOf = ({ threads, tokens, weights }: BlockRow): string => [threads, tokens, weights].join();

/** Rows that were not measured anew. */
function stillValid<T>(
  before: readonly T[] | undefined,
  fresh: readonly T[],
  place: (row: T) => string,
): T[] {
  const places = new Set(fresh.map(place));
  return (before ?? []).filter((row) => !places.has(place(row)));
}

const siteIndex = ({ site }: SparseRow): number =>
  sites.findIndex(({ model, out, inputs }) => site === `${model} ${out}x${inputs}`);
const byPlace = (a: SparseRow, b: SparseRow): number =>
  a.threads - b.threads ||
  siteIndex(a) - siteIndex(b) ||
  a.tokens - b.tokens ||
  Number(a.streaming) - Number(b.streaming);
