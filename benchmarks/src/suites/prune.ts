import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, textTable } from "@denoise-rotator/bench";
import {
  CommandError,
  execute,
  type PruneRecord,
  type StageCost,
  unknownFlag,
} from "../cli/denoise-rotator.js";
import type { LeftOut } from "../harness/harness.js";
import { engineVersions, type Machine, machine, versionOf } from "../machine.js";
import { defaultSetting, type PruneSetting, pruneSettings } from "../prune/settings.js";
import { describeMachine, leftOutLines } from "../report/suite-report.js";

export interface PruneRow {
  readonly work: string;
  /** The setting. */
  readonly contender: string;
  readonly threads: number;
  /** Milliseconds of the whole command but for evaluation. */
  readonly median: number;
  readonly unit: "ms";
  /** Over that of the default setting with as many threads. */
  readonly ratio: number | null;
  readonly perplexity: number;
  /** Medians of time by stage; FLOPs are the same every time. */
  readonly stages: Readonly<Record<string, StageCost>>;
  readonly peakMemoryBytes: number;
}

export interface PruneResult {
  readonly suite: "prune";
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly PruneRow[];
  readonly leftOut: readonly LeftOut[];
}

export interface PruneSuiteOptions {
  readonly quick: boolean;
  readonly threads: readonly number[];
  readonly rounds?: number;
  readonly progress: (line: string) => void;
}

const work = "prune-tiny-sparsegpt-2:4";

interface Entrant {
  readonly setting: PruneSetting;
  readonly threads: number;
  readonly records: PruneRecord[];
  perplexity: number;
}

/** The whole `prune` of the embedded model, a fresh process each time, settings and threads taking turns. */
export async function runPruneSuite(options: PruneSuiteOptions): Promise<PruneResult> {
  const { quick, progress } = options;
  const never = new AbortController().signal;
  const help = await execute(["prune", "--help"], never);
  const leftOut: LeftOut[] = [];
  const entrants: Entrant[] = [];
  for (const threads of options.threads) {
    for (const setting of pruneSettings(quick)) {
      const missing = unknownFlag(help, [...setting.flags, ...(threads > 1 ? ["--threads"] : [])]);
      if (missing)
        leftOut.push({ work, contender: setting.name, threads, reason: `prune has no ${missing}` });
      else entrants.push({ setting, threads, records: [], perplexity: Number.NaN });
    }
  }
  const rounds = options.rounds ?? (quick ? 1 : 3);
  for (let round = 0; round < rounds; round++) {
    for (const entrant of round % 2 ? [...entrants].reverse() : entrants) {
      progress(`round ${round + 1} of ${rounds}: ${entrant.setting.name}, ${entrant.threads} threads`);
      const { setting, threads } = entrant;
      if (leftOut.some((each) => each.contender === setting.name && each.threads === threads)) continue;
      try {
        await runOnce(entrant, help, never);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        leftOut.push({ work, contender: setting.name, threads, reason: error.message });
      }
    }
  }
  const name = "@denoise-rotator/denoise-rotator";
  const versions = { ...engineVersions(), [name]: versionOf(name) };
  return { suite: "prune", machine: machine(), versions, rows: rowsOf(entrants), leftOut };
}

async function runOnce(entrant: Entrant, help: string, signal: AbortSignal): Promise<void> {
  const { setting, threads, records } = entrant;
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-prune-"));
  try {
    const out = join(folder, "pruned");
    const count = unknownFlag(help, ["--threads"]) ? [] : ["--threads", String(threads)];
    const printed = await execute(
      ["prune", "tiny", ...setting.flags, ...count, "--out", out, "--json"],
      signal,
    );
    records.push(JSON.parse(printed) as PruneRecord);
    // The same bytes every time, so once is enough.
    if (records.length > 1) return;
    entrant.perplexity = JSON.parse(await execute(["eval", out, "--json"], signal)).perplexity;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf(entrants: readonly Entrant[]): PruneRow[] {
  const done = entrants.filter(({ records }) => records.length > 0);
  const time = ({ records }: Entrant) => 1000 * median(records.map(({ seconds }) => seconds));
  return done.map((entrant) => {
    const { setting, threads, records, perplexity } = entrant;
    const base = done.find((each) => each.setting.name === defaultSetting && each.threads === threads);
    const stages = Object.keys(records[0]!.stages).map((stage): [string, StageCost] => [
      stage,
      {
        seconds: median(records.map((record) => record.stages[stage]!.seconds)),
        cpuSeconds: median(records.map((record) => record.stages[stage]!.cpuSeconds)),
        flops: records[0]!.stages[stage]!.flops,
      },
    ]);
    return {
      ...{ work, contender: setting.name, threads, median: time(entrant), unit: "ms", perplexity },
      ratio: base ? time(entrant) / time(base) : null,
      stages: Object.fromEntries(stages),
      peakMemoryBytes: Math.max(...records.map(({ peakMemoryBytes }) => peakMemoryBytes)),
    };
  });
}

export function pruneReport({ machine, versions, rows, leftOut }: PruneResult): string {
  const stages = [...new Set(rows.flatMap((row) => Object.keys(row.stages)))];
  const header = ["setting", "threads", "seconds", "ratio", "GFLOP", "perplexity", "peak MiB"];
  const body = rows.map((row) => [
    row.contender,
    String(row.threads),
    (row.median / 1000).toFixed(1),
    row.ratio?.toFixed(2) ?? "",
    (Object.values(row.stages).reduce((sum, { flops }) => sum + flops, 0) / 1e9).toFixed(0),
    row.perplexity.toFixed(3),
    (row.peakMemoryBytes / 2 ** 20).toFixed(0),
  ]);
  const byStage = rows.map((row) => [
    row.contender,
    String(row.threads),
    ...stages.map((stage) => {
      const cost = row.stages[stage];
      return cost ? `${cost.seconds.toFixed(1)} s, ${(cost.flops / 1e9).toFixed(0)} GF` : "";
    }),
  ]);
  return [
    describeMachine(machine, versions),
    "",
    textTable([header, ...body], 1),
    "",
    textTable([["setting", "threads", ...stages], ...byStage], 1),
    ...leftOutLines(leftOut),
  ].join("\n");
}
