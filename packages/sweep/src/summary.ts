import type { Setting, SweepJob } from "./job.js";
import type { ResultStore } from "./result-store.js";
import type { Sweep } from "./sweep-file.js";

/** Runs that differ in this setting are repetitions of each other. */
const repeatedBy = "seed";

/** A figure over repetitions. */
export interface Spread {
  readonly mean: number;
  /** Of the sample, with n − 1; `null` for a single run. */
  readonly standardDeviation: number | null;
  readonly count: number;
}

/** Runs that are alike but for their seed. */
export interface SummaryRow {
  /** What differs between rows. */
  readonly settings: Readonly<Record<string, Setting | undefined>>;
  /** Runs asked for, done, failed. */
  readonly runs: number;
  readonly done: number;
  readonly failed: number;
  readonly metrics: Readonly<Record<string, Spread>>;
}

export interface SweepSummary {
  readonly schemaVersion: 1;
  /** Settings that all runs share. */
  readonly shared: Readonly<Record<string, Setting>>;
  readonly rows: readonly SummaryRow[];
  readonly failures: readonly {
    readonly key: string;
    readonly settings: SweepJob["settings"];
    readonly error: string;
  }[];
}

/** What a sweep has come to so far. */
export function summarise({ jobs, varied }: Sweep, store: ResultStore): SweepSummary {
  const axes = varied.filter((name) => name !== repeatedBy);
  const groups = new Map<string, SweepJob[]>();
  for (const job of jobs) {
    const group = JSON.stringify(axes.map((name) => job.settings[name] ?? null));
    groups.set(group, [...(groups.get(group) ?? []), job]);
  }
  return {
    schemaVersion: 1,
    shared: Object.fromEntries(
      Object.entries(jobs[0]?.settings ?? {}).filter(([name]) => !varied.includes(name)),
    ),
    rows: [...groups.values()].map((group) => rowOf(group, axes, store)),
    failures: jobs.flatMap(({ key, settings }) => {
      const error = store.failure(key);
      return error === undefined ? [] : [{ key, settings, error }];
    }),
  };
}

function rowOf(group: readonly SweepJob[], axes: readonly string[], store: ResultStore): SummaryRow {
  const results = group.flatMap(({ key }) => store.result(key) ?? []);
  const names = new Set(results.flatMap(({ metrics }) => Object.keys(metrics)));
  const values = (name: string) => results.flatMap(({ metrics }) => metrics[name] ?? []);
  return {
    settings: Object.fromEntries(axes.map((name) => [name, group[0]!.settings[name]])),
    runs: group.length,
    done: results.length,
    failed: group.filter(({ key }) => store.failure(key) !== undefined).length,
    metrics: Object.fromEntries([...names].map((name) => [name, spreadOf(values(name))])),
  };
}

/** Mean and deviation of at least one value. */
export function spreadOf(values: readonly number[]): Spread {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardDeviation: count > 1 ? Math.sqrt(squares / (count - 1)) : null, count };
}
