import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { insertIntoFile } from "../ablation/insert-table.js";
import { benchmarkTables, type Kept } from "../report/benchmark-tables.js";
import type { SuiteResult } from "../report/suite-report.js";

const results = fileURLToPath(new URL("../../results/", import.meta.url));
const document = fileURLToPath(new URL("../../../docs/benchmarks.md", import.meta.url));

/** Puts the tables of the results that were kept into `docs/benchmarks.md`, and gives them. Nothing is measured. */
export function writeBenchmarkDocs(progress: (line: string) => void): Record<string, string> {
  const kept: { -readonly [K in keyof Kept]: Kept[K] } = {};
  const files = { kernels: "kernels-node24", linalg: "linalg-node24", solver: "solver-node24" } as const;
  for (const [key, file] of [...Object.entries(files), ["olderKernels", "kernels-node20"] as const]) {
    const result = read(`${results}${file}.json`);
    if (result) kept[key as keyof Kept] = result;
    else progress(`results/${file}.json is not there`);
  }
  const tables = benchmarkTables(kept);
  for (const [name, table] of Object.entries(tables)) {
    if (!insertIntoFile(document, name, table)) progress(`docs/benchmarks.md has no place for ${name}`);
  }
  return tables;
}

const read = (path: string): SuiteResult | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as SuiteResult) : undefined;
