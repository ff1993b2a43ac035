// Fuzzes the readers of files from strangers for longer than CI does: `pnpm fuzz --runs 1000000 [--seed N]`, runs of each kind.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "100000" }, seed: { type: "string" } },
});
for (const [option, value] of Object.entries(values)) {
  if (/^\d+$/.test(value)) continue;
  console.error(`--${option} ${value}: a whole number is needed`);
  process.exit(2);
}
const root = join(import.meta.dirname, "..");
const require = createRequire(import.meta.url);
const vitest = join(dirname(require.resolve("vitest/package.json")), "vitest.mjs");
const { status } = spawnSync(
  process.execPath,
  [vitest, "run", "--project", "node", "packages/checkpoint/test/fuzz.test.ts"],
  {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, FUZZ_RUNS: values.runs, ...(values.seed ? { FC_SEED: values.seed } : {}) },
  },
);
process.exitCode = status ?? 1;
