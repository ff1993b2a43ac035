import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const results = fileURLToPath(new URL("../results/", import.meta.url));

/** Where a suite's JSON goes: by suite and engine, short runs apart. */
export const defaultResultPath = (suite: string, quick: boolean): string =>
  `${results}${suite}-node${process.versions.node.split(".")[0]}${quick ? "-quick" : ""}.json`;

export function keepResult(path: string, result: unknown): void {
  mkdirSync(dirname(resolve(path)), { recursive: true });
  writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
}
