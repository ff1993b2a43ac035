import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import {
  type BenchProgress,
  benchReport,
  peerNames,
  runBench,
  type Work,
  type WorkSetName,
  workSet,
} from "@denoise-rotator/bench";
import { OptionError } from "@denoise-rotator/core";
import { Command } from "commander";
import { backendNames } from "../pipeline/backends.js";
import { backendSources, benchBackendNames, nodeHost, peerSources } from "./bench-sources.js";
import { interruptible } from "./interrupt.js";
import { integer, list, positive } from "./options.js";
import { createProgress, type Progress } from "./progress.js";

interface BenchFlags {
  readonly quick?: boolean;
  readonly full?: boolean;
  readonly works?: string[];
  readonly backends?: string[];
  readonly peers?: string[] | true;
  readonly rounds: number;
  readonly patience: number;
  readonly json?: string;
  readonly baseline?: string;
}

export function benchCommand(): Command {
  return new Command("bench")
    .summary("backends side by side on this machine")
    .description(
      "Measures products, elementwise functions, reductions, factorisations, a step of rotation and a decoder block on " +
        "every backend, interleaved in one process, each result checked against f64. Prints medians, rates and ratios. " +
        "The same in a browser: `pnpm bench web`.",
    )
    .option("--quick", "smaller works, a first look in seconds")
    .option("--full", "larger works too, with the layers of a Llama of 1B parameters")
    .option(
      "--works <list>",
      "kinds such as gemm,linear,cholesky, or works by name (default: all of the set)",
      list,
    )
    .option(
      "--backends <list>",
      `from ${benchBackendNames.join(", ")} (default: ${backendNames.join(", ")})`,
      list,
    )
    .option(
      "--peers [list]",
      `from ${peerNames.join(", ")}; without a list all that are installed (default: naive-js)`,
      list,
    )
    .option("--rounds <n>", "samples of each", integer(1), 5)
    .option("--patience <seconds>", "leave out who takes longer for one run", positive, 5)
    .option("--json <file>", "write the result, replaced")
    .option("--baseline <name>", "whom ratios are against: above 1 is slower (default: the first)")
    .action(run);
}

async function run(flags: BenchFlags): Promise<void> {
  if (flags.quick && flags.full) throw new OptionError("--quick and --full: choose one");
  const set: WorkSetName = flags.quick ? "quick" : flags.full ? "full" : "standard";
  const works = worksOf(set, flags.works);
  const sources = [...backendSources(flags.backends ?? backendNames), ...peerSources(flags.peers)];
  const names = sources.map(({ name }) => name);
  if (flags.baseline !== undefined && !names.includes(flags.baseline)) {
    throw new OptionError(`--baseline ${flags.baseline}: choose from ${names.join(", ")}`);
  }
  if (flags.json !== undefined) mkdirSync(dirname(resolve(flags.json)), { recursive: true });
  const progress = createProgress(false);
  const { signal, restore } = interruptible();
  try {
    const result = await runBench(works, sources, {
      ...{ set, rounds: flags.rounds, patienceMilliseconds: 1000 * flags.patience, signal, host: nodeHost() },
      ...(flags.baseline === undefined ? {} : { baseline: flags.baseline }),
      onProgress: (event) => tell(progress, event, works.length),
    });
    progress.stop();
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(result, null, 2)}\n`);
    process.stdout.write(`${benchReport(result)}\n`);
  } finally {
    progress.stop();
    restore();
  }
}

/** The benchmark's message names its argument as the flag is called. */
function worksOf(set: WorkSetName, only: readonly string[] | undefined): Work[] {
  try {
    return workSet(set, only);
  } catch (error) {
    throw error instanceof OptionError ? new OptionError(`--${error.message}`) : error;
  }
}

function tell(progress: Progress, event: BenchProgress, works: number): void {
  if (event.type === "opening" || event.type === "rows") return;
  const block = Math.round(event.share * works) + 1;
  const detail = event.type === "preparing" ? event.contender : `round ${event.round}`;
  progress.update({ stage: event.work, block, blocks: works, detail });
}
