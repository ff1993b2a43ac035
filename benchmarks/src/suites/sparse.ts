import { existsSync, readFileSync } from "node:fs";
import { type PackedProduct, packedProducts } from "@denoise-rotator/backend-wasm";
import { engineVersions, type Machine, machine } from "../machine.js";

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
  for (const count of threads) {
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
          const times = takeTurns(suiting, load, out * inputs, rounds);
          const fastestDense = (of: (samples: readonly number[]) => number) =>
            Math.min(...suiting.flatMap(({ name }, i) => (name.startsWith("dense") ? [of(times[i]!)] : [])));
          const [denseMedian, denseBest] = [fastestDense(median), fastestDense(best)];
          suiting.forEach(({ name, weightBytes }, i) => {
            const [medianMs, bestMs] = [median(times[i]!), best(times[i]!)];
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
  const versions = engineVersions();
  return {
    suite: "sparse",
    machine: machine(),
    versions,
    rows: [...keptRows(kept, rows), ...rows].sort(byPlace),
  };
}

type Load = (typeof loads)[number];

/** Milliseconds of one product by round, the contenders taking turns, in reversed order every other round. */
function takeTurns(
  contenders: readonly PackedProduct[],
  { tokens, streaming }: Load,
  weights: number,
  rounds: number | undefined,
): number[][] {
  const calls = Math.max(1, Math.round(5e7 / (2 * weights * tokens) / (tokens === 1 ? 10 : 1)));
  const samples = contenders.map((): number[] => []);
  let copy = 0;
  const sample = (index: number, keep: boolean) => {
    const { run } = contenders[index]!;
    // Where the weight shall come from a cache it is there.
    if (!streaming) run(tokens, 0);
    const start = performance.now();
    for (let call = 0; call < calls; call++) run(tokens, streaming ? copy++ : 0);
    if (keep) samples[index]!.push((performance.now() - start) / calls);
  };
  for (let warm = 0; warm < 3; warm++) for (const index of contenders.keys()) sample(index, false);
  const start = performance.now();
  for (let round = 0; round < (rounds ?? (performance.now() - start < 700 ? round + 1 : 5)); round++) {
    const order = [...contenders.keys()];
    for (const index of round % 2 === 0 ? order : order.toReversed()) sample(index, true);
  }
  return samples;
}

const best = (values: readonly number[]): number => Math.min(...values);

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/** All have the same weights; bf16 rounds them. */
function checkAgreement(contenders: readonly PackedProduct[], tokens: number, out: number): void {
  const results = contenders.map(({ run, result }) => {
    run(tokens, 0);
    return result(tokens);
  });
  const size = Math.sqrt(results[0]!.reduce((sum, y) => sum + y * y, 0) / (tokens * out));
  for (const [i, result] of results.entries()) {
    const bound = (contenders[i]!.name === "sparse bf16" ? 2e-2 : 1e-4) * size;
    const bad = result.findIndex((y, at) => !(Math.abs(y - results[0]![at]!) <= bound));
    if (bad >= 0)
      throw new Error(`${contenders[i]!.name}: element ${bad} is ${result[bad]}, not ${results[0]![bad]}`);
  }
}

const placeOf = ({ site, tokens, streaming, threads, contender }: SparseRow): string =>
  [site, threads, tokens, streaming, contender].join();

function keptRows(path: string, fresh: readonly SparseRow[]): readonly SparseRow[] {
  if (!existsSync(path)) return [];
  const { rows } = JSON.parse(readFileSync(path, "utf8")) as SparseResult;
  const places = new Set(fresh.map(placeOf));
  return rows.filter((row) => !places.has(placeOf(row)));
}

const siteIndex = ({ site }: SparseRow): number =>
  sites.findIndex(({ model, out, inputs }) => site === `${model} ${out}x${inputs}`);
const byPlace = (a: SparseRow, b: SparseRow): number =>
  a.threads - b.threads ||
  siteIndex(a) - siteIndex(b) ||
  a.tokens - b.tokens ||
  Number(a.streaming) - Number(b.streaming);
