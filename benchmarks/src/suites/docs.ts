import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { insertIntoFile } from "../ablation/insert-table.js";
import { benchmarkTables, type Kept } from "../report/benchmark-tables.js";
import type { ProfileResult } from "../report/profile-report.js";
import type { SuiteResult } from "../report/suite-report.js";

const results = fileURLToPath(new URL("../../results/", import.meta.url));
const document = fileURLToPath(new URL("../../../docs/benchmarks.md", import.meta.url));

/** Puts the tables of the results that were kept into `docs/benchmarks.md`, and gives them. Nothing is measured. */
export function writeBenchmarkDocs(progress: (line: string) => void): Record<string, string> {
  const kept: { -readonly [K in SuiteName]?: SuiteResult } = {};
  const files = { kernels: "kernels-node24", linalg: "linalg-node24", solver: "solver-node24" } as const;
  for (const [key, file] of [...Object.entries(files), ["olderKernels", "kernels-node20"] as const]) {
    const result = read<SuiteResult>(`${results}${file}.json`);
    if (result) kept[key as SuiteName] = result;
    else progress(`results/${file}.json is not there`);
  }
  const profile = read<ProfileResult>(`${results}prune-profile-node24.json`);
  const tables = benchmarkTables(profile ? { ...kept, profile } : kept);
  for (const [name, table] of Object.entries(tables)) {
    if (!insertIntoFile(document, name, table)) progress(`docs/benchmarks.md has no place for ${name}`);
  }
  return tables;
}

type SuiteName = Exclude<keyof Kept, "profile">;

const read = <T>(path: string): T | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : undefined;
