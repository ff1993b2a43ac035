import { textTable } from "@denoise-rotator/bench";
import type { StageCost } from "../cli/denoise-rotator.js";
import type { Machine } from "../machine.js";
import type { Share } from "../prune/cpu-profile.js";
import { describeMachine } from "./suite-report.js";

/** Where the time of `prune` goes on a model of SmolLM2-135M's shape. */
export interface ProfileResult {
  readonly suite: "prune-profile";
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  /** What was run. */
  readonly run: { readonly blocks: number; readonly windows: number; readonly windowLength: number };
  /** What it is scaled to. */
  readonly whole: { readonly blocks: number; readonly windows: number };
  readonly seconds: number;
  readonly stages: readonly (Share & StageCost)[];
  /** The same for the whole model: stages grow with blocks, those that run the calibration also with its windows. */
  readonly scaledStages: readonly Share[];
  /** By kernel of the backend, from V8's sampling profiler. */
  readonly kernels: readonly Share[];
}

/** Kernels that are matrix products. */
const products = ["matmul", "syrk", "attention"];

const percent = (share: number | undefined) => (share === undefined ? "" : `${(100 * share).toFixed(1)} %`);

/** What was run, in a line. */
export const profiledRun = ({ run, seconds }: ProfileResult): string =>
  `random weights of SmolLM2-135M's shape, ${run.blocks} blocks, ${run.windows} windows of ${run.windowLength} tokens, one thread, ${seconds.toFixed(1)} s under the profiler`;

/** Stages, the longest first; the first row is the header. */
export function stageLines({ stages, scaledStages, whole }: ProfileResult): string[][] {
  const header = ["stage", "seconds", "share", "GFLOP", "GFLOP/s"];
  return [
    [...header, `share with ${whole.blocks} blocks, ${whole.windows} windows`],
    ...stages.map(({ name, seconds, share, flops }) => [
      name,
      seconds.toFixed(2),
      percent(share),
      (flops / 1e9).toFixed(0),
      flops > 0 ? (flops / 1e9 / seconds).toFixed(0) : "",
      percent(scaledStages.find((each) => each.name === name)?.share),
    ]),
  ];
}

/** Kernels likewise, those above a thousandth. */
export const kernelLines = ({ kernels }: ProfileResult): string[][] => [
  ["kernel", "seconds", "share"],
  ...kernels
    .filter(({ share }) => share > 0.001)
    .map(({ name, seconds, share }) => [name, seconds.toFixed(2), percent(share)]),
];

export function productsLine({ kernels }: ProfileResult): string {
  const all = kernels.filter(({ name }) => products.includes(name));
  return `matrix products (${products.join(", ")}): ${percent(all.reduce((sum, { share }) => sum + share, 0))}`;
}

export const profileReport = (result: ProfileResult): string =>
  [
    describeMachine(result.machine, result.versions),
    profiledRun(result),
    "",
    textTable(stageLines(result), 1),
    "",
    productsLine(result),
    textTable(kernelLines(result), 1),
  ].join("\n");
