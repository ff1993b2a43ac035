/** One contender in a process of its own: prepares works and measures them when told to. */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Contender, type Prepared, timeRuns, Unsupported, warmUp } from "@denoise-rotator/bench";
import { contenders } from "../contenders/index.js";
import { readArray, writeArray } from "./array-files.js";
import type { Reply, Request } from "./protocol.js";

// Libraries greet on standard output, which is the harness's.
console.log = console.info = console.error;

const reply = (message: Reply) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function prepare(contender: Contender, request: Extract<Request, { type: "prepare" }>) {
  const prepared = await contender.prepare(request.work, request.inputs.map(readArray));
  const milliseconds = await warmUp(prepared, { wait: "last", patience: request.patience });
  const results = (await prepared.results()).map((dense, i) =>
    writeArray(join(request.results, `${i}.f32`), dense),
  );
  reply({ type: "prepared", milliseconds, results });
  return prepared;
}

/** The package and its version, with what a backend of ours says of itself; threads stand in the rows. */
function versionsOf(contender: Contender): Record<string, string> {
  if (contender.package === "") return {};
  const { threads: _, hostKernels: __, ...description } = contender.describe();
  const details = Object.entries(description).map(([key, value]) => `${key} ${value}`);
  return {
    [`${contender.package}${description.turbo ? " (turbo)" : ""}`]: [
      contender.version,
      ...(details.length > 0 ? [details.join(", ")] : []),
    ].join(": "),
  };
}

async function main(name: string, threads: number): Promise<void> {
  const contender = await contenders[name]!(threads);
  reply({ type: "ready", versions: versionsOf(contender) });
  let prepared: Prepared | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request;
    if (request.type === "prepare") prepared = await prepare(contender, request);
    else reply({ type: "measured", milliseconds: await timeRuns(prepared!, request.runs, "last") });
  }
}

try {
  await main(process.argv[2]!, Number(process.argv[3]));
} catch (error) {
  if (!(error instanceof Unsupported)) throw error;
  reply({ type: "unsupported", reason: error.message });
}
