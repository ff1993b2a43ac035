import {
  allocationVariants,
  defaults,
  paper200,
  paper2000,
  plain,
  prunerVariants,
  rotationAlone,
  rotationVariants,
  type Variant,
} from "./variants.js";

/** One run of `prune` and its evaluation. */
export interface Job {
  readonly pruner: string;
  readonly sparsity: string;
  /** Draws the calibration windows. */
  readonly seed: number;
  readonly variant: Variant;
}

/** A column of the tables. */
export interface Target {
  readonly pruner: string;
  readonly sparsity: string;
}

const target = (pruner: string, sparsity: string): Target => ({ pruner, sparsity });
const twoFour = ["sparsegpt", "wanda", "magnitude"].map((pruner) => target(pruner, "2:4"));
const half = ["sparsegpt", "wanda", "magnitude"].map((pruner) => target(pruner, "0.5"));
const [sparsegpt24, wanda24, magnitude24] = twoFour as [Target, Target, Target];
const admm24 = target("admm", "2:4");

/** Every column, as the tables order them. */
export const targets: readonly Target[] = [...twoFour, admm24, ...half];

/** Seeds of the calibration. */
export const seeds = [0, 1, 2];

const headline = [defaults, plain, paper200];
const basic = [defaults, plain];

/** Wanda's importance is what Wanda uses anyway. */
const forTarget = ({ pruner }: Target, variants: readonly Variant[]) =>
  variants.filter(({ factor }) => !(pruner === "wanda" && factor === "importance"));

/**
 * All jobs, the most informative first: whatever the budget, what has been done makes a useful table. Within a step all
 * variants come with one seed before any comes with the next.
 */
export function allJobs(): Job[] {
  const steps: (readonly [readonly Target[], readonly Variant[], readonly number[]])[] = [
    [twoFour, headline, [0]],
    [[sparsegpt24], [rotationAlone, ...prunerVariants], [0]],
    [[sparsegpt24], rotationVariants, [0]],
    [twoFour, headline, [1, 2]],
    [[sparsegpt24], [rotationAlone, ...prunerVariants], [1, 2]],
    [[sparsegpt24], rotationVariants, [1, 2]],
    [half, [...basic, ...allocationVariants], [0]],
    [[admm24], [...basic, ...prunerVariants], [0]],
    [[wanda24], rotationVariants, [0]],
    [[wanda24, magnitude24], prunerVariants, [0]],
    [[sparsegpt24], [paper2000], [0]],
    [half, [...basic, ...allocationVariants], [1, 2]],
    [[admm24], [...basic, ...prunerVariants], [1, 2]],
    [half, prunerVariants, [0]],
    [[wanda24], rotationVariants, [1, 2]],
    [[magnitude24], rotationVariants, [0]],
    [twoFour, [paper2000], [0, 1, 2]],
    [[wanda24, magnitude24], prunerVariants, [1, 2]],
    [half, [paper200, ...rotationVariants, ...prunerVariants], [0, 1, 2]],
    [[magnitude24], rotationVariants, [1, 2]],
  ];
  const jobs = new Map<string, Job>();
  for (const [columns, variants, some] of steps) {
    for (const seed of some) {
      for (const column of columns) {
        for (const variant of forTarget(column, variants)) {
          const job = { ...column, seed, variant };
          const key = jobKey(job);
          if (!jobs.has(key)) jobs.set(key, job);
        }
      }
    }
  }
  return [...jobs.values()];
}

/** What `prune` is called with, beside `--out` and what does not change the result. */
export const jobFlags = ({ pruner, sparsity, seed, variant }: Job): string[] => [
  ...["--pruner", pruner, "--sparsity", sparsity, "--seed", String(seed)],
  ...variant.flags,
];

/** The same for jobs that compute the same. */
export const jobKey = (job: Job): string => jobFlags(job).join(" ");
