/** One contender in a process of its own: prepares works and measures them when told to. */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { contenders } from "../contenders/index.js";
import { readArray, writeArray } from "./array-files.js";
import { type Contender, type Prepared, Unsupported } from "./contender.js";
import type { Reply, Request } from "./protocol.js";

// Libraries greet on standard output, which is the harness's.
console.log = console.info = console.error;

const reply = (message: Reply) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function time(prepared: Prepared, runs: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < runs; i++) {
    const pending = prepared.run();
    // Awaiting what is no promise would cost a small operation as much as it takes.
    if (pending instanceof Promise) await pending;
  }
  return (performance.now() - start) / runs;
}

/** Milliseconds. */
const longRun = 2000;

/** Runs until the engine has compiled what it will: in doubling batches, the last of 30 ms. What one run takes then. */
async function warm(prepared: Prepared, patience: number): Promise<number> {
  const first = await time(prepared, 1);
  // A run of seconds warms up by itself.
  if (first > Math.min(patience, longRun)) return first;
  for (let runs = 1; ; runs *= 2) {
    const milliseconds = await time(prepared, runs);
    if (milliseconds * runs >= 30) return milliseconds;
  }
}

async function prepare(contender: Contender, request: Extract<Request, { type: "prepare" }>) {
  const prepared = await contender.prepare(request.work, request.inputs.map(readArray));
  const milliseconds = await warm(prepared, request.patience);
  const results = (await prepared.results()).map((dense, i) =>
    writeArray(join(request.results, `${i}.f32`), dense),
  );
  reply({ type: "prepared", milliseconds, results });
  return prepared;
}

async function main(name: string, threads: number): Promise<void> {
  const contender = await contenders[name]!(threads);
  reply({ type: "ready", versions: contender.versions });
  let prepared: Prepared | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request;
    if (request.type === "prepare") prepared = await prepare(contender, request);
    else reply({ type: "measured", milliseconds: await time(prepared!, request.runs) });
  }
}

try {
  await main(process.argv[2]!, Number(process.argv[3]));
} catch (error) {
  if (!(error instanceof Unsupported)) throw error;
  reply({ type: "unsupported", reason: error.message });
}
