import { base, pytorch } from "../contenders/names.js";
import type { Row } from "../harness/harness.js";
import type { Peaks } from "../peaks/index.js";

/** A speed that is to be reached, as a ratio of medians in one interleaved run. */
export interface Floor {
  readonly what: string;
  /** Against whom; `one thread` compares ours with itself. */
  readonly against: string;
  readonly threads: number;
  readonly works: RegExp;
  /** Least ratio their time / our time; `undefined` where none is set. */
  readonly plain: number;
  readonly turbo?: number;
}

/** What was measured for a floor; `undefined` where nothing was. */
export interface FloorOutcome {
  readonly floor: Floor;
  readonly plain: Range | undefined;
  readonly turbo: Range | undefined;
}

export interface Range {
  /** Smallest and largest ratio over the works. */
  readonly least: number;
  readonly most: number;
  /** The least ratio if ours ran at the physical limit; `undefined` where a rate says nothing. */
  readonly possible: number | undefined;
}

const squareGemm = /^gemm-(512|768|1024|1536|2048)$/;
export const oneThread = "one thread";

const floor = (
  what: string,
  against: string,
  threads: number,
  works: RegExp,
  plain: number,
  turbo?: number,
): Floor => ({ what, against, threads, works, plain, ...(turbo === undefined ? {} : { turbo }) });

const gemm = "GEMM 512–2048";

/** On Node 24. */
export const floors: readonly Floor[] = [
  floor(gemm, "tfjs-wasm", 1, squareGemm, 1.6, 2.8),
  floor(gemm, "jax-js", 1, squareGemm, 1.8, 3),
  floor(gemm, "onnxruntime-web", 1, squareGemm, 1.8, 3.3),
  floor(gemm, "onnxruntime-web", 2, squareGemm, 1.8, 3.3),
  floor(gemm, "onnxruntime-node", 1, squareGemm, 0.5, 0.8),
  floor(gemm, "onnxruntime-node", 2, squareGemm, 0.5, 0.8),
  floor(gemm, pytorch, 1, squareGemm, 0.5, 0.8),
  floor(gemm, pytorch, 2, squareGemm, 0.5, 0.8),
  floor("exp, log, softmax of 1M", pytorch, 1, /^(exp|log|softmax)-1M/, 0.8, 0.8),
  floor("Cholesky 1536", pytorch, 1, /^cholesky-1536$/, 0.75, 1),
  floor("QR 576", pytorch, 1, /^qr-576$/, 0.6, 0.7),
  floor("GEMM 1024–2048, two threads", oneThread, 2, /^gemm-(1024|1536|2048)$/, 1.8, 1.7),
  floor("adding 1 K elements", "tfjs-wasm", 1, /^add-1K$/, 2),
];

/** On Node 20. */
export const olderFloors: readonly Floor[] = [floor(gemm, "tfjs-wasm", 1, squareGemm, 1.2)];

export function outcomes(
  rows: readonly Row[],
  peaks: readonly Peaks[],
  wanted: readonly Floor[],
): FloorOutcome[] {
  return wanted.map((each) => {
    const peak = peaks.find(({ threads }) => threads === each.threads);
    const turbo = ratios(rows, each, `${base}-turbo`, peak?.bits256 ?? undefined);
    return {
      floor: each,
      plain: ratios(rows, each, base, peak?.bits128),
      turbo: each.turbo === undefined ? undefined : turbo,
    };
  });
}

function ratios(
  rows: readonly Row[],
  { against, threads, works }: Floor,
  ours: string,
  peak: number | undefined,
): Range | undefined {
  const find = (work: string, contender: string, count: number) =>
    rows.find((row) => row.work === work && row.contender === contender && row.threads === count)?.median;
  const found = [...new Set(rows.map(({ work }) => work))]
    .filter((work) => works.test(work))
    .flatMap((work) => {
      const own = find(work, ours, threads);
      const other = against === oneThread ? find(work, ours, 1) : find(work, against, threads);
      return own && other ? [other / own] : [];
    });
  if (found.length === 0) return undefined;
  const rates = rows
    .filter((row) => works.test(row.work) && row.contender === against && row.threads === threads)
    .flatMap(({ work, gflops }) => (gflops && work.startsWith("gemm-") ? [gflops] : []));
  const possible = peak && rates.length > 0 ? peak / Math.max(...rates) : undefined;
  return { least: Math.min(...found), most: Math.max(...found), possible };
}

/** Largest ratio of our error to PyTorch's over the products both did, with the work; `undefined` without any. */
export function worstErrorRatio(
  rows: readonly Row[],
  ours: string,
): { work: string; ratio: number } | undefined {
  const pairs = rows.flatMap((own) => {
    if (own.contender !== ours || !own.work.startsWith("gemm-")) return [];
    const other = rows.find(
      (row) => row.work === own.work && row.contender === pytorch && row.threads === own.threads,
    );
    return other ? [{ work: own.work, ratio: own.error / other.error }] : [];
  });
  return pairs.sort((a, b) => b.ratio - a.ratio)[0];
}
