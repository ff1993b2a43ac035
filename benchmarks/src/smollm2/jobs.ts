import { rotationAlone } from "../ablation/variants.js";

/** One way to prune the model. */
export interface Smollm2Job {
  readonly pruner: string;
  /** A column of the table. */
  readonly form: "plain" | "per-block" | "shared" | "default";
  /** Flags of `prune` beside the calibration. */
  readonly flags: readonly string[];
}

/** The pruners as published, with rotations of three kinds, and SparseGPT as `prune` does it by default. */
export const forms: Readonly<Record<Smollm2Job["form"], readonly string[]>> = {
  plain: ["--rotate", "none", ...rotationAlone.flags],
  "per-block": ["--rotate", "per-block", ...rotationAlone.flags],
  shared: ["--rotate", "shared", ...rotationAlone.flags],
  default: [],
};

const job = (pruner: string, form: Smollm2Job["form"]): Smollm2Job => ({
  pruner,
  form,
  flags: ["--pruner", pruner, "--sparsity", "2:4", ...forms[form]],
});

/** The most informative first: whatever is done makes a useful table. */
export const smollm2Jobs: readonly Smollm2Job[] = [
  job("sparsegpt", "plain"),
  job("sparsegpt", "per-block"),
  job("wanda", "plain"),
  job("magnitude", "plain"),
  job("sparsegpt", "default"),
  job("wanda", "per-block"),
  job("magnitude", "per-block"),
  job("sparsegpt", "shared"),
  job("wanda", "shared"),
  job("magnitude", "shared"),
];

/** Calibration and evaluation, the same for all jobs. */
export interface Smollm2Protocol {
  /** Tokens of a window. */
  readonly length: number;
  /** Calibration windows, evenly spaced over the embedded training text. */
  readonly samples: number;
  /** Windows of the embedded held-out text, every fourth. */
  readonly evaluationWindows: number;
}

export const protocol = (quick: boolean): Smollm2Protocol =>
  quick
    ? { length: 128, samples: 4, evaluationWindows: 4 }
    : { length: 512, samples: 16, evaluationWindows: 16 };
