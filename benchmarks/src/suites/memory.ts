import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { markdownTable, textTable } from "@denoise-rotator/bench";
import { insertIntoFile } from "../ablation/insert-table.js";
import { execute, type PruneRecord } from "../cli/denoise-rotator.js";
import { keepResult } from "../keep-result.js";
import { engineVersions, type Machine, machine, versionOf } from "../machine.js";
import { type MemoryJob, memoryJobs } from "../memory/jobs.js";
import { writeRandomCheckpoint } from "../prune/random-checkpoint.js";
import { describeMachine } from "../report/suite-report.js";

export interface MemoryRow {
  readonly name: string;
  readonly blocks: number;
  readonly flags: readonly string[];
  /** What `prune --dry-run` said the process would hold at most, without activations; `--memory` was that. */
  readonly plannedBytes: number;
  /** Of activations, all on disk. */
  readonly activationBytes: number;
  /** The largest resident set of the process. */
  readonly peakMemoryBytes: number;
  readonly seconds: number;
}

export interface MemoryResult {
  readonly suite: "memory";
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly MemoryRow[];
}

export interface MemorySuiteOptions {
  readonly quick: boolean;
  readonly full: boolean;
  readonly only?: RegExp;
  /** Path of the result so far: rows of it that are not measured anew stay, and what is measured is kept at once. */
  readonly kept: string;
  readonly progress: (line: string) => void;
}

/** The whole `prune` on random weights of real models' shapes, a process each: what it holds against what was planned. */
export async function runMemorySuite(options: MemorySuiteOptions): Promise<MemoryResult> {
  const { kept } = options;
  const jobs = memoryJobs(options).filter(({ name }) => options.only?.test(name) ?? true);
  const name = "@denoise-rotator/denoise-rotator";
  const before = existsSync(kept) ? (JSON.parse(readFileSync(kept, "utf8")) as MemoryResult) : undefined;
  const about = { machine: machine(), versions: { ...engineVersions(), [name]: versionOf(name) } };
  let result: MemoryResult = before ?? { suite: "memory", ...about, rows: [] };
  for (const job of jobs) {
    options.progress(`${job.name}: ${job.blocks} blocks`);
    const row = await measure(job);
    const others = result.rows.filter((each) => each.name !== row.name);
    result = { suite: "memory", ...about, rows: [...others, row].sort(byName) };
    keepResult(kept, result);
  }
  return result;
}

const byName = (a: MemoryRow, b: MemoryRow): number => (a.name < b.name ? -1 : 1);

/** The part of `prune --dry-run --json` that is used here. */
interface Plan {
  readonly least: number;
  readonly activations: { readonly total: number };
}

async function measure({ name, shape, vocabulary, blocks, flags }: MemoryJob): Promise<MemoryRow> {
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-memory-"));
  const never = new AbortController().signal;
  try {
    const model = join(folder, "model");
    await writeRandomCheckpoint(model, { shape, blocks, vocabulary, contextLength: 2048, draws: 2 ** 20 });
    const command = ["prune", model, ...flags, "--out", join(folder, "pruned"), "--json"];
    const plan = JSON.parse(await execute([...command, "--dry-run"], never)) as Plan;
    const memory = ["--memory", String(Math.ceil(plan.least))];
    const record = JSON.parse(await execute([...command, ...memory], never)) as PruneRecord;
    return {
      ...{ name, blocks, flags, plannedBytes: plan.least, activationBytes: plan.activations.total },
      ...{ peakMemoryBytes: record.peakMemoryBytes, seconds: record.seconds },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const document = fileURLToPath(new URL("../../../docs/memory.md", import.meta.url));

/** The table in `docs/memory.md`. */
export const writeMemoryTable = ({ machine, versions, rows }: MemoryResult): void => {
  const table = markdownTable(tableOf(rows));
  insertIntoFile(document, "memory", `${describeMachine(machine, versions)}\n\n${table}`);
};

export const memoryReport = ({ machine, versions, rows }: MemoryResult): string =>
  [describeMachine(machine, versions), "", textTable(tableOf(rows), 1)].join("\n");

function tableOf(rows: readonly MemoryRow[]): string[][] {
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  const header = ["work", "blocks", "planned MiB", "peak MiB", "activations on disk MiB", "seconds"];
  const body = rows.map((row) => [
    row.name,
    String(row.blocks),
    ...[row.plannedBytes, row.peakMemoryBytes, row.activationBytes].map(mebibytes),
    row.seconds.toFixed(0),
  ]);
  return [header, ...body];
}
