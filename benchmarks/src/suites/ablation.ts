import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { insertIntoFile } from "../ablation/insert-table.js";
import { allJobs } from "../ablation/jobs.js";
import { runJobs } from "../ablation/run-jobs.js";
import { ResultStore } from "../ablation/store.js";
import { type Cell, cells, prunerTable, rotationTable } from "../ablation/tables.js";
import { execute } from "../cli/denoise-rotator.js";
import { engineVersions, type Machine, machine, versionOf } from "../machine.js";
import { describeMachine } from "../report/suite-report.js";

export interface AblationOptions {
  /** The first few jobs alone. */
  readonly quick: boolean;
  /** Minutes. */
  readonly budget: number;
  /** Keeps what earlier runs of this version finished. */
  readonly resume: boolean;
  /** Puts the tables into the documents. */
  readonly writeDocs: boolean;
  /** Computes in turbo mode: faster, rounding differs, quality does not. */
  readonly turbo: boolean;
  readonly progress: (line: string) => void;
}

export interface AblationResult {
  readonly suite: "ablation";
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly dense: number | null;
  readonly cells: readonly Cell[];
  /** Why variants have no results, by variant. */
  readonly failures: Readonly<Record<string, string>>;
  /** Jobs the budget left undone. */
  readonly remaining: number;
}

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const journal = (quick: boolean) => `${repository}benchmarks/results/ablation${quick ? "-quick" : ""}.jsonl`;
const packageName = "@denoise-rotator/denoise-rotator";

/** Runs what the budget allows and tabulates all there is. */
export async function runAblation(options: AblationOptions): Promise<AblationResult> {
  const version = versionOf(packageName);
  const mode = options.turbo ? { mode: "turbo" } : {};
  const versions = { "denoise-rotator": version, build: buildDigest(), ...engineVersions(), ...mode };
  const store = new ResultStore(journal(options.quick), { resume: options.resume, version });
  const builds = new Set(store.all.map(({ versions: { build } }) => build)).add(versions.build);
  if (builds.size > 1) options.progress(`results of ${builds.size} builds: ${[...builds].join(", ")}`);
  const jobs = options.quick ? allJobs().slice(0, 3) : allJobs();
  const { failures, remaining } = await runJobs(jobs, {
    ...{ ...options, execute, store, versions },
    engine: options.turbo ? ["--turbo"] : [],
  });
  const result: AblationResult = {
    suite: "ablation",
    machine: machine(),
    versions,
    dense: store.get("dense")?.perplexity ?? null,
    cells: cells((key) => store.get(key)),
    failures,
    remaining,
  };
  if (options.writeDocs) writeDocs(result, options.progress);
  return result;
}

function writeDocs(result: AblationResult, progress: (line: string) => void): void {
  const tables = { rotations: rotationTable(result.cells), pruners: prunerTable(result.cells) };
  for (const [name, table] of Object.entries(tables)) {
    const done = insertIntoFile(`${repository}docs/${name}.md`, `ablation ${name}`, table);
    progress(`docs/${name}.md: ${done ? "table written" : "no such file, or no markers in it"}`);
  }
}

/** Eight hexadecimal digits over everything that was built: tells results of different code apart. */
function buildDigest(): string {
  const hash = createHash("sha256");
  for (const folder of readdirSync(`${repository}packages`).sort()) {
    const dist = `${repository}packages/${folder}/dist/`;
    for (const file of readdirSync(dist).sort()) {
      if (file.endsWith(".js")) hash.update(file).update(readFileSync(dist + file));
    }
  }
  return hash.digest("hex").slice(0, 8);
}

export function ablationReport(result: AblationResult): string {
  const failures = Object.entries(result.failures).map(([name, reason]) => `  ${name}: ${reason}`);
  return [
    describeMachine(result.machine, result.versions),
    `perplexity, mean ± standard deviation over calibration seeds, share of plain pruning's gap closed; dense ${result.dense?.toFixed(3) ?? "not run"}`,
    "",
    rotationTable(result.cells),
    "",
    prunerTable(result.cells),
    ...(failures.length > 0 ? ["", "left out:", ...failures] : []),
    ...(result.remaining > 0 ? ["", `${result.remaining} jobs left; continue with --resume`] : []),
  ].join("\n");
}
