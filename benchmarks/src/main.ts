import { parseArgs } from "node:util";
import { contenders } from "./contenders/index.js";
import { measure } from "./harness.js";
import { kernelWorks } from "./kernels.js";
import { machine } from "./machine.js";
import { referenceRows, referenceTable } from "./reference.js";
import { table } from "./report.js";

const usage = `usage: bench <kernels|reference> [--quick] [--json]

  kernels     f32 matrix products: ours, naive loops, tfjs-backend-wasm
  reference   the embedded model pruned every way, against PyTorch's figures (build first; about 15 minutes)
  --quick     one size, fewer rounds; Wanda alone
  --json      one JSON object on standard output; progress goes to standard error`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: "boolean" }, json: { type: "boolean" }, help: { type: "boolean" } },
  });
  const [suite] = positionals;
  if (values.help || positionals.length !== 1 || (suite !== "kernels" && suite !== "reference")) {
    console.error(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const engine = { node: process.version };
  if (suite === "reference") {
    const figures = await referenceRows(values.quick ?? false, (line) => console.error(line));
    const result = { machine: machine(), versions: engine, ...figures };
    console.log(values.json ? JSON.stringify(result, null, 2) : referenceTable(figures));
    return;
  }
  const works = kernelWorks(values.quick ?? false);
  const names = Object.keys(contenders);
  const rounds = values.quick ? 5 : 9;
  const { rows, versions } = await measure(works, names, rounds, (line) => console.error(line));
  const result = { machine: machine(), versions: { ...engine, ...versions }, rows };
  console.log(values.json ? JSON.stringify(result, null, 2) : table(result, works));
}

await main();
