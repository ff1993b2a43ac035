import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const results = fileURLToPath(new URL("../results/", import.meta.url));

/** Where a suite's JSON goes: by suite and engine, short runs apart. Perplexities are one engine's as another's. */
export function defaultResultPath(suite: string, quick: boolean): string {
  const engine = suite === "ablation" ? "" : `-node${process.versions.node.split(".")[0]}`;
  return `${results}${suite}${engine}${quick ? "-quick" : ""}.json`;
}

export function keepResult(path: string, result: unknown): void {
  mkdirSync(dirname(resolve(path)), { recursive: true });
  writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
}
