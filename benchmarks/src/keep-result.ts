import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { CommandLine } from "./command-line.js";

const results = fileURLToPath(new URL("../results/", import.meta.url));

/** Whose figures name their engine themselves, or do not depend on it. */
const engineless: ReadonlySet<string> = new Set(["ablation", "numerics", "soak", "agreement"]);
/** Whose results keep the rows that are not measured anew. */
const merged: ReadonlySet<string> = new Set(["numerics", "soak", "agreement", "sparse", "memory"]);

/**
 * Where a suite's JSON goes: by suite and engine, short and partial runs apart from what is published. Perplexities are one
 * engine's as another's.
 */
export function defaultResultPath(options: CommandLine): string {
  const { suite, profile, quick, only, contenders, works } = options;
  const node = `-node${process.versions.node.split(".")[0]}`;
  const engine = engineless.has(suite) ? "" : suite === "web" ? "-chromium" : node;
  const partial = !merged.has(suite) && (only || contenders || works);
  const extent = quick ? "-quick" : partial ? "-partial" : "";
  return `${results}${suite}${profile ? "-profile" : ""}${engine}${extent}.json`;
}

export function keepResult(path: string, result: unknown): void {
  mkdirSync(dirname(resolve(path)), { recursive: true });
  writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
}
