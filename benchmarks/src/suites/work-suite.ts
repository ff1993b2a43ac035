import { fileURLToPath } from "node:url";
import { base, contenders } from "../contenders/index.js";
import type { ContenderSpec } from "../harness/contender-process.js";
import { measure } from "../harness/harness.js";
import { engineVersions, machine } from "../machine.js";
import { measurePeaks } from "../peaks/index.js";
import type { SuiteResult } from "../report/suite-report.js";
import { workChecks } from "../works/index.js";
import { suiteWorks, type WorkSuite } from "./works.js";

export interface WorkSuiteOptions {
  readonly quick: boolean;
  readonly threads: readonly number[];
  /** Names of works and contenders to keep; all where absent. */
  readonly only?: RegExp;
  readonly contenders?: readonly string[];
  readonly rounds?: number;
  readonly progress: (line: string) => void;
}

/** Runs the works of a suite over all contenders. */
export async function runWorkSuite(suite: WorkSuite, options: WorkSuiteOptions): Promise<SuiteResult> {
  const { quick, threads, progress, only } = options;
  const works = suiteWorks[suite](quick).filter(({ name }) => only?.test(name) ?? true);
  const specs = threads.flatMap((count) => contenderSpecs(count, options.contenders));
  progress("measuring the physical limits");
  const peaks = await measurePeaks(threads);
  const { rows, leftOut, versions } = await measure(works, specs, {
    check: ({ kind }) => workChecks[kind],
    base,
    rounds: options.rounds ?? (quick ? 3 : 9),
    progress,
  });
  return { suite, machine: machine(), versions: { ...engineVersions(), ...versions }, peaks, rows, leftOut };
}

const worker = fileURLToPath(new URL("../harness/worker.ts", import.meta.url));
const torchWorker = fileURLToPath(new URL("../../peers/torch_worker.py", import.meta.url));

const pytorch = "pytorch";

/** Names that `--contenders` takes. */
export const contenderNames: readonly string[] = [...Object.keys(contenders), pytorch];

function contenderSpecs(threads: number, names: readonly string[] = contenderNames): ContenderSpec[] {
  return contenderNames
    .filter((name) => names.includes(name))
    .map((name) => ({
      name,
      threads,
      command:
        name === pytorch
          ? ["python3", torchWorker, String(threads)]
          : [process.execPath, ...process.execArgv, worker, name, String(threads)],
    }));
}
