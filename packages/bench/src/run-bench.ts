import { OptionError } from "@denoise-rotator/core";
import {
  type Contender,
  type ContenderSource,
  type Dense,
  type Prepared,
  Unsupported,
  type Work,
  type WorkCheck,
} from "./contender.js";
import { type BenchResult, type BenchRow, benchResultVersion, type Host, withBaseline } from "./result.js";
import { median, relativeSpread } from "./statistics.js";
import { timeRuns, warmUp } from "./timing.js";
import { workChecks } from "./works/index.js";

/** What a run tells while it goes on. */
export type BenchProgress =
  | { readonly type: "opening"; readonly contender: string }
  | { readonly type: "preparing"; readonly work: string; readonly contender: string; readonly share: number }
  | { readonly type: "measuring"; readonly work: string; readonly round: number; readonly share: number }
  /** All of a work, ratios not yet taken. */
  | { readonly type: "rows"; readonly rows: readonly BenchRow[]; readonly share: number };

export interface BenchOptions {
  readonly host: Host;
  /** What the works are called together; only noted. Default `custom`. */
  readonly set?: string;
  /** Samples of each contender. Default 5. */
  readonly rounds?: number;
  /** Shortest stretch of time measured as one sample. Default 60 ms. */
  readonly sampleMilliseconds?: number;
  /** Contenders whose single run takes longer are not measured. Default 5,000 ms. */
  readonly patienceMilliseconds?: number;
  /** Name of the contender that ratios are taken against. Default: the first that opens. */
  readonly baseline?: string;
  /** `share` is that of the works which are done, 0 to 1. */
  readonly onProgress?: (event: BenchProgress) => void;
  /** Aborting rejects with the signal's reason, between samples. */
  readonly signal?: AbortSignal;
}

/** Time for a contender's threads to stop spinning before the next one is measured, in milliseconds. */
const settle = 8;

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/**
 * Measures every work with every contender in this process: all of them prepared and checked against f64, then taking turns
 * sample by sample, in reversed order every other round, so that drifts of the machine hit all alike. A run counts as done
 * when one element of its result has been read. Who computes something else, breaks down or is not there is listed with the
 * reason. Contenders are disposed of at the end.
 *
 * @throws OptionError if the baseline is none of the sources, or rounds or milliseconds are out of range.
 */
export async function runBench(
  works: readonly Work[],
  sources: readonly ContenderSource[],
  options: BenchOptions,
): Promise<BenchResult> {
  const { rounds = 5, sampleMilliseconds = 60, patienceMilliseconds = 5000, signal } = options;
  checkOptions(sources, { ...options, rounds, sampleMilliseconds, patienceMilliseconds });
  const tell = options.onProgress ?? (() => {});
  const contenders: Contender[] = [];
  const absent: { contender: string; reason: string }[] = [];
  try {
    for (const { name, open } of sources) {
      signal?.throwIfAborted();
      tell({ type: "opening", contender: name });
      try {
        contenders.push(await open());
      } catch (error) {
        absent.push({ contender: name, reason: reasonOf(error) });
      }
    }
    const rows: BenchRow[] = [];
    for (const [i, work] of works.entries()) {
      const share = i / works.length;
      const measured = await measureWork(work, contenders, {
        ...{ rounds, sampleMilliseconds, patienceMilliseconds, signal },
        preparing: (contender) => tell({ type: "preparing", work: work.name, contender, share }),
        measuring: (round) => tell({ type: "measuring", work: work.name, round, share }),
      });
      rows.push(...measured);
      tell({ type: "rows", rows: measured, share: (i + 1) / works.length });
    }
    const baseline = options.baseline ?? contenders[0]?.name ?? null;
    const result: BenchResult = {
      ...{ format: "denoise-rotator-bench", version: benchResultVersion },
      date: new Date().toISOString(),
      host: options.host,
      settings: {
        ...{ set: options.set ?? "custom", rounds, sampleMilliseconds, patienceMilliseconds, baseline },
      },
      contenders: contenders.map((each) => ({
        ...{ name: each.name, package: each.package, version: each.version, description: each.describe() },
      })),
      absent,
      works: works.map((work) => ({ ...work, sizes: [...work.sizes] })),
      rows,
    };
    return baseline === null ? result : withBaseline(result, baseline);
  } finally {
    for (const contender of contenders) await contender.dispose();
  }
}

interface WorkOptions {
  readonly rounds: number;
  readonly sampleMilliseconds: number;
  readonly patienceMilliseconds: number;
  readonly signal: AbortSignal | undefined;
  readonly preparing: (contender: string) => void;
  readonly measuring: (round: number) => void;
}

/** Somebody who has computed the right thing. */
interface Entrant {
  readonly contender: Contender;
  readonly prepared: Prepared;
  readonly runs: number;
  readonly error: number;
  readonly samples: number[];
}

async function measureWork(
  work: Work,
  contenders: readonly Contender[],
  options: WorkOptions,
): Promise<BenchRow[]> {
  const check = workChecks[work.kind];
  const inputs = await check.inputs(work);
  const outcomes = new Map<Contender, Entrant | BenchRow>();
  try {
    for (const contender of contenders) {
      options.signal?.throwIfAborted();
      options.preparing(contender.name);
      // Gives a page the time to draw.
      await pause(0);
      outcomes.set(contender, await enter(contender, work, check, inputs, options));
    }
    for (let round = 0; round < options.rounds; round++) {
      options.measuring(round + 1);
      for (const contender of round % 2 ? [...contenders].reverse() : contenders) {
        options.signal?.throwIfAborted();
        const entrant = outcomes.get(contender)!;
        if (!("prepared" in entrant)) continue;
        try {
          await contender.activate?.();
          await pause(settle);
          entrant.samples.push(await timeRuns(entrant.prepared, entrant.runs, "each"));
        } catch (error) {
          entrant.prepared.dispose();
          outcomes.set(contender, failed(work, contender, error));
        }
      }
    }
    return [...outcomes.values()].map((outcome) => ("prepared" in outcome ? rowOf(work, outcome) : outcome));
  } finally {
    for (const [contender, outcome] of outcomes) {
      if (!("prepared" in outcome)) continue;
      await contender.activate?.();
      outcome.prepared.dispose();
    }
  }
}

async function enter(
  contender: Contender,
  work: Work,
  check: WorkCheck,
  inputs: readonly Dense[],
  { sampleMilliseconds, patienceMilliseconds: patience }: WorkOptions,
): Promise<Entrant | BenchRow> {
  const place = { work: work.name, contender: contender.name };
  let prepared: Prepared | undefined;
  try {
    await contender.activate?.();
    prepared = await contender.prepare(work, inputs);
    const milliseconds = await warmUp(prepared, {
      wait: "each",
      patience,
      batch: Math.min(30, sampleMilliseconds),
    });
    if (milliseconds > patience) throw new Unsupported(`one run takes ${(milliseconds / 1000).toFixed(1)} s`);
    const error = await check.error(work, inputs, await prepared.results());
    if (!(error <= check.tolerance)) {
      prepared.dispose();
      const shown = Number.isFinite(error) ? error : null;
      return { ...place, status: "wrong", error: shown, tolerance: check.tolerance };
    }
    const runs = Math.max(1, Math.ceil(sampleMilliseconds / milliseconds));
    return { contender, prepared, runs, error, samples: [] };
  } catch (error) {
    prepared?.dispose();
    if (!(error instanceof Unsupported)) return failed(work, contender, error);
    return { ...place, status: "unsupported", reason: error.message };
  }
}

function rowOf({ name, flops, bytes }: Work, { contender, runs, error, samples }: Entrant): BenchRow {
  const value = median(samples);
  return {
    ...{ work: name, contender: contender.name, status: "ok" as const, median: value },
    ...{ spread: relativeSpread(samples), samples, runs, ratio: null },
    gflops: flops > 0 ? flops / value / 1e6 : null,
    gigabytes: bytes > 0 ? bytes / value / 1e6 : null,
    error,
  };
}

const failed = (work: Work, contender: Contender, error: unknown): BenchRow => ({
  ...{ work: work.name, contender: contender.name, status: "failed", reason: reasonOf(error) },
});

/** One line. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, "; ") || "no reason given";

function checkOptions(sources: readonly ContenderSource[], options: BenchOptions): void {
  const names = sources.map(({ name }) => name);
  const { baseline, rounds, sampleMilliseconds, patienceMilliseconds } = options;
  if (baseline !== undefined && !names.includes(baseline)) {
    throw new OptionError(`baseline ${baseline}: choose one of the contenders ${names.join(", ")}`);
  }
  if (!Number.isSafeInteger(rounds) || rounds! < 1)
    throw new OptionError(`rounds ${rounds}: a whole number of at least 1`);
  for (const [option, value] of Object.entries({ sampleMilliseconds, patienceMilliseconds })) {
    if (!(value! > 0 && Number.isFinite(value))) throw new OptionError(`${option} ${value}: a number > 0`);
  }
}
