/** One contender in a process of its own: prepares works and measures them when told to. */
import type { Prepared, Work } from "./contender.js";
import { contenders } from "./contenders/index.js";

export type Request =
  | { readonly type: "prepare"; readonly work: Work }
  | { readonly type: "measure"; readonly runs: number };
export type Reply =
  | { readonly type: "ready"; readonly threads: number; readonly versions: Readonly<Record<string, string>> }
  | { readonly type: "prepared"; readonly milliseconds: number; readonly sample: readonly number[] }
  | { readonly type: "measured"; readonly milliseconds: number };

const reply = (message: Reply) => process.send!(message);

async function time(prepared: Prepared, runs: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < runs; i++) await prepared.run();
  return (performance.now() - start) / runs;
}

async function main(): Promise<void> {
  const create = contenders[process.argv[2]!]!;
  const contender = await create();
  let prepared: Prepared | undefined;
  process.on("message", async (request: Request) => {
    if (request.type === "prepare") {
      prepared = await contender.prepare(request.work);
      // The first run compiles; the second tells how long one takes.
      await prepared.run();
      const milliseconds = await time(prepared, 1);
      reply({ type: "prepared", milliseconds, sample: await prepared.sample() });
    } else {
      reply({ type: "measured", milliseconds: await time(prepared!, request.runs) });
    }
  });
  reply({ type: "ready", threads: contender.threads, versions: contender.versions });
}

await main();
