import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { benchReport, parseBenchResult } from "@denoise-rotator/bench";
import { insertIntoFile } from "../ablation/insert-table.js";
import { benchmarkTables, type Kept } from "../report/benchmark-tables.js";
import type { ProfileResult } from "../report/profile-report.js";
import { sparseModelReport } from "../report/sparse-model-report.js";
import { sparseMarkdown } from "../report/sparse-report.js";
import type { SuiteResult } from "../report/suite-report.js";
import type { SparseResult } from "./sparse.js";
import type { SparseModelResult } from "./sparse-model.js";

const results = fileURLToPath(new URL("../../results/", import.meta.url));
const sparseDocument = fileURLToPath(new URL("../../../docs/sparse-speed.md", import.meta.url));
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
  const tables = { ...benchmarkTables(profile ? { ...kept, profile } : kept), ...backendTables(progress) };
  for (const [name, table] of Object.entries(tables)) {
    if (!insertIntoFile(document, name, table)) progress(`docs/benchmarks.md has no place for ${name}`);
  }
  return { ...tables, ...sparseTables(progress) };
}

/** Tables of `docs/sparse-speed.md`, by marker. */
function sparseTables(progress: (line: string) => void): Record<string, string> {
  const tables: Record<string, string> = {};
  for (const engine of ["node24", "node20"]) {
    const result = read<SparseResult>(`${results}sparse-${engine}.json`);
    if (!result) {
      progress(`results/sparse-${engine}.json is not there`);
      continue;
    }
    const { products, block } = sparseMarkdown(result);
    Object.assign(tables, { [`sparse-${engine}`]: products, [`sparse-block-${engine}`]: block });
    const models = read<SparseModelResult>(`${results}sparse-model-${engine}.json`);
    if (models) tables[`sparse-model-${engine}`] = sparseModelReport(models);
    else progress(`results/sparse-model-${engine}.json is not there`);
  }
  for (const [name, table] of Object.entries(tables)) {
    if (!insertIntoFile(sparseDocument, name, table))
      progress(`docs/sparse-speed.md has no place for ${name}`);
  }
  return tables;
}

/** By marker: what the page exported in Chromium, and `denoise-rotator bench --json` under Node. */
const backendFiles = { "web-chromium": "web-chromium", "backends-node": "backends-node" };

function backendTables(progress: (line: string) => void): Record<string, string> {
  const tables: Record<string, string> = {};
  for (const [marker, file] of Object.entries(backendFiles)) {
    const json = read(`${results}${file}.json`);
    if (json === undefined) progress(`results/${file}.json is not there`);
    else tables[marker] = benchReport(parseBenchResult(json), "markdown");
  }
  return tables;
}

type SuiteName = Exclude<keyof Kept, "profile">;

const read = <T>(path: string): T | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : undefined;
