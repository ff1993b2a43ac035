// Runs src/main.ts, with the Node given by `--node` or the one that runs this. Contenders' processes inherit it.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const args = process.argv.slice(2);
const at = args.indexOf("--node");
const node = at >= 0 ? args.splice(at, 2)[1] : process.execPath;
if (!node) {
  console.error("--node: give the path of a Node executable");
  process.exit(2);
}
const main = fileURLToPath(new URL("src/main.ts", import.meta.url));
const { status, error } = spawnSync(node, ["--import", import.meta.resolve("tsx"), main, ...args], {
  stdio: "inherit",
});
if (error) console.error(`--node ${node}: ${error.message}`);
process.exitCode = status ?? 2;
