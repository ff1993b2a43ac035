import { parseArgs } from "node:util";
import { contenders } from "./contenders/index.js";
import { measure } from "./harness.js";
import { kernelWorks } from "./kernels.js";
import { machine } from "./machine.js";
import { table } from "./report.js";

const usage = `usage: bench kernels [--quick] [--json]

  kernels   f32 matrix products: ours, naive loops, tfjs-backend-wasm
  --quick   one size, fewer rounds
  --json    one JSON object on standard output; progress goes to standard error`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: "boolean" }, json: { type: "boolean" }, help: { type: "boolean" } },
  });
  if (values.help || positionals.length !== 1 || positionals[0] !== "kernels") {
    console.error(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const works = kernelWorks(values.quick ?? false);
  const names = Object.keys(contenders);
  const rounds = values.quick ? 5 : 9;
  const { rows, versions } = await measure(works, names, rounds, (line) => console.error(line));
  const result = { machine: machine(), versions: { node: process.version, ...versions }, rows };
  console.log(values.json ? JSON.stringify(result, null, 2) : table(result, works));
}

await main();
