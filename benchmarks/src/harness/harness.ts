import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { median, Unsupported, type Work, type WorkCheck } from "@denoise-rotator/bench";
import { readArray, writeArray } from "./array-files.js";
import { ContenderProcess, type ContenderSpec } from "./contender-process.js";

export interface Row {
  readonly work: string;
  readonly contender: string;
  readonly threads: number;
  /** Of the time for the work once. */
  readonly median: number;
  readonly unit: "ms";
  /** This contender's median over our default's with as many threads: above 1 it is slower. `null` without ours. */
  readonly ratio: number | null;
  /** 1e9 floating-point operations a second; `null` where a rate says nothing. */
  readonly gflops: number | null;
  /** Error against f64; see the kind of work for its measure. */
  readonly error: number;
  /** Further figures of the work's kind. */
  readonly details?: Readonly<Record<string, number>>;
}

/** A contender that did not take part in a work, and why. */
export interface LeftOut {
  readonly work: string;
  readonly contender: string;
  readonly threads: number;
  readonly reason: string;
}

export interface Outcome {
  readonly rows: readonly Row[];
  readonly leftOut: readonly LeftOut[];
  readonly versions: Readonly<Record<string, string>>;
}

export interface MeasureOptions {
  readonly check: (work: Work) => WorkCheck;
  /** Name of the contender against which ratios are taken. */
  readonly base: string;
  /** Samples of each contender. */
  readonly rounds: number;
  /** Shortest stretch of time measured as one sample, in milliseconds. Default 60. */
  readonly sampleMilliseconds?: number;
  /** Contenders whose single run takes longer are left out. Default 5,000 ms. */
  readonly patienceMilliseconds?: number;
  readonly progress: (line: string) => void;
}

/** Time for a contender's threads to stop spinning before the next one is measured, in milliseconds. */
const settle = 8;

interface Entrant {
  readonly process: ContenderProcess;
  readonly runs: number;
  readonly error: number;
  readonly details: Row["details"];
  readonly samples: number[];
}

/**
 * Measures every work with every contender: each in a fresh process, taking turns sample by sample, in reversed order
 * every other round, so that drifts of the machine hit all alike. All thread counts take turns together. Results are
 * checked against f64 first: a contender that computes something else is left out, with its error as the reason.
 */
export async function measure(
  works: readonly Work[],
  specs: readonly ContenderSpec[],
  options: MeasureOptions,
): Promise<Outcome> {
  const rows: Row[] = [];
  const leftOut: LeftOut[] = [];
  const versions: Record<string, string> = {};
  const missing = new Map<ContenderSpec, string>();
  const patience = options.patienceMilliseconds ?? 5000;
  const timeout = 60_000 + 4 * patience;
  for (const work of works) {
    const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-bench-"));
    const entrants: Entrant[] = [];
    try {
      const check = options.check(work);
      const inputs = await check.inputs(work);
      const files = inputs.map((dense, i) => writeArray(join(folder, `in-${i}.f32`), dense));
      for (const [i, spec] of specs.entries()) {
        options.progress(`${work.name}: preparing ${spec.name} × ${spec.threads}`);
        try {
          const absent = missing.get(spec);
          if (absent !== undefined) throw new Unsupported(absent);
          entrants.push(await enter(spec, i));
        } catch (error) {
          if (!(error instanceof Unsupported)) throw error;
          const { name: contender, threads } = spec;
          leftOut.push({ work: work.name, contender, threads, reason: error.message });
        }
      }

      async function enter(spec: ContenderSpec, index: number): Promise<Entrant> {
        const process = new ContenderProcess(spec);
        try {
          try {
            Object.assign(versions, (await process.expect("ready")).versions);
          } catch (error) {
            if (error instanceof Unsupported) missing.set(spec, error.message);
            throw error;
          }
          const results = join(folder, String(index));
          mkdirSync(results);
          const request = { type: "prepare", work, inputs: files, results, patience } as const;
          const prepared = await process.ask(request, "prepared", timeout);
          if (prepared.milliseconds > patience) {
            throw new Unsupported(`one run takes ${(prepared.milliseconds / 1000).toFixed(1)} s`);
          }
          const found = prepared.results.map(readArray);
          const error = await check.error(work, inputs, found);
          if (!(error <= check.tolerance)) {
            throw new Unsupported(`error ${error} against f64; ${check.tolerance} is allowed`);
          }
          const runs = Math.max(1, Math.ceil((options.sampleMilliseconds ?? 60) / prepared.milliseconds));
          return { process, runs, error, details: check.details?.(found), samples: [] };
        } catch (error) {
          process.stop();
          throw error;
        }
      }

      for (let round = 0; round < options.rounds; round++) {
        options.progress(`${work.name}: round ${round + 1} of ${options.rounds}`);
        for (const entrant of round % 2 ? [...entrants].reverse() : entrants) {
          await sleep(settle);
          const request = { type: "measure", runs: entrant.runs } as const;
          const { milliseconds } = await entrant.process.ask(request, "measured", timeout);
          entrant.samples.push(milliseconds);
        }
      }
      rows.push(...rowsOf(work, entrants, options.base));
    } finally {
      for (const { process } of entrants) process.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return { rows, leftOut, versions };
}

function rowsOf(work: Work, entrants: readonly Entrant[], baseName: string): Row[] {
  const medians = new Map(entrants.map((entrant) => [entrant, median(entrant.samples)]));
  return entrants.map((entrant) => {
    const { name: contender, threads } = entrant.process.spec;
    const base = entrants.find(({ process: { spec } }) => spec.name === baseName && spec.threads === threads);
    const value = medians.get(entrant)!;
    return {
      work: work.name,
      contender,
      threads,
      median: value,
      unit: "ms",
      ratio: base ? value / medians.get(base)! : null,
      gflops: work.flops > 0 ? work.flops / value / 1e6 : null,
      error: entrant.error,
      ...(entrant.details ? { details: entrant.details } : {}),
    };
  });
}
