import { fileURLToPath } from "node:url";
import { base, pytorch } from "../contenders/names.js";
import type { ContenderSpec } from "../harness/contender-process.js";
import { measure } from "../harness/harness.js";
import { engineVersions, machine } from "../machine.js";
import { measurePeaks } from "../peaks/index.js";
import { learningSummaries } from "../report/learning-summary.js";
import type { SuiteResult } from "../report/suite-report.js";
import { workChecks } from "../works/index.js";
import { fifthOfPaperSteps, suiteContenders, suiteWorks, type WorkSuite } from "./works.js";

export interface WorkSuiteOptions {
  readonly quick: boolean;
  /** Solver: nothing is scaled up from fewer steps. */
  readonly full: boolean;
  readonly threads: readonly number[];
  /** Names of works and contenders to keep; all where absent. */
  readonly only?: RegExp;
  readonly contenders?: readonly string[];
  readonly rounds?: number;
  readonly progress: (line: string) => void;
}

/** Runs the works of a suite over all contenders. */
export async function runWorkSuite(suite: WorkSuite, options: WorkSuiteOptions): Promise<SuiteResult> {
  const { quick, full, threads, progress, only } = options;
  const works = suiteWorks[suite](quick, full).filter(({ name }) => only?.test(name) ?? true);
  const names = suiteContenders[suite].filter((name) => options.contenders?.includes(name) ?? true);
  const specs = threads.flatMap((count) => names.map((name) => contenderSpec(name, count)));
  progress("measuring the physical limits");
  const peaks = await measurePeaks(threads);
  const { rows, leftOut, versions } = await measure(works, specs, {
    check: ({ kind }) => workChecks[kind],
    base,
    rounds: options.rounds ?? usualRounds(suite, quick),
    // Learning takes as long as it takes.
    ...(suite === "solver" ? { patienceMilliseconds: 600_000 } : {}),
    progress,
  });
  const learners = { ours: base, ourPaper: `${base}-paper`, peer: pytorch };
  return {
    ...{ suite, machine: machine(), versions: { ...engineVersions(), ...versions }, peaks, rows, leftOut },
    ...(suite === "solver" ? { learning: learningSummaries(rows, fifthOfPaperSteps, learners) } : {}),
  };
}

const worker = fileURLToPath(new URL("../harness/worker.ts", import.meta.url));
const torchWorker = fileURLToPath(new URL("../../peers/torch_worker.py", import.meta.url));

const usualRounds = (suite: WorkSuite, quick: boolean): number => (quick || suite === "solver" ? 3 : 7);

const contenderSpec = (name: string, threads: number): ContenderSpec => ({
  name,
  threads,
  command:
    name === pytorch
      ? ["python3", torchWorker, String(threads)]
      : [process.execPath, ...process.execArgv, worker, name, String(threads)],
});
