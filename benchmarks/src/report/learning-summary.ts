import { textTable } from "@denoise-rotator/bench";
import type { Row } from "../harness/harness.js";

/** Our learning stage against a fifth of the steps of the paper's recipe in PyTorch, on one block. */
export interface LearningSummary {
  readonly work: string;
  readonly threads: number;
  /** Our default, from start to end. */
  readonly ours: number;
  /** The PyTorch sketch: measured milliseconds and steps, and what so many steps take at that rate. */
  readonly measured: number;
  readonly measuredSteps: number;
  readonly steps: number;
  readonly scaled: number;
  readonly unit: "ms";
  /** scaled / ours: above 1 we are faster. */
  readonly speedup: number;
  /** Matrix-product FLOPs of our default, start included, over those of our own `qr-adam` at 2000 steps; `null` unmeasured. */
  readonly flopsRatio: number | null;
}

export interface LearningContenders {
  readonly ours: string;
  readonly ourPaper: string;
  readonly peer: string;
}

/** One summary for each work and number of threads that both ours and the peer took part in. */
export function learningSummaries(
  rows: readonly Row[],
  steps: number,
  { ours, ourPaper, peer }: LearningContenders,
): LearningSummary[] {
  return rows.flatMap((own) => {
    if (own.contender !== ours || !own.work.startsWith("learning-")) return [];
    const beside = (name: string) =>
      rows.find((row) => row.work === own.work && row.threads === own.threads && row.contender === name);
    const theirs = beside(peer);
    if (!theirs?.details) return [];
    const measuredSteps = theirs.details.steps!;
    const scaled = (theirs.median * steps) / measuredSteps;
    const paperGflops = beside(ourPaper)?.details?.paperGflops;
    return [
      {
        ...{
          work: own.work,
          threads: own.threads,
          ours: own.median,
          unit: "ms",
          steps,
          measuredSteps,
          scaled,
        },
        measured: theirs.median,
        speedup: scaled / own.median,
        flopsRatio: paperGflops ? own.details!.gflops! / paperGflops : null,
      },
    ];
  });
}

export function learningReport(summaries: readonly LearningSummary[]): string {
  const header = [
    "learning stage",
    "threads",
    "ours ms",
    "PyTorch ms",
    "faster",
    "FLOPs of qr-adam's 2000 steps",
  ];
  const body = summaries.map((each) => [
    each.work,
    String(each.threads),
    each.ours.toFixed(0),
    each.measuredSteps === each.steps
      ? `${each.measured.toFixed(0)} (${each.steps} steps)`
      : `${each.scaled.toFixed(0)} (${each.steps} steps, from ${each.measured.toFixed(0)} for ${each.measuredSteps})`,
    `${each.speedup.toFixed(1)}×`,
    each.flopsRatio === null ? "" : `1/${(1 / each.flopsRatio).toFixed(1)}`,
  ]);
  return textTable([header, ...body], 1);
}
