/** One setting of one factor; everything else is at its default. */
export interface Variant {
  /** What is varied, such as `steps`. */
  readonly factor: string;
  /** How the setting is called in tables. */
  readonly setting: string;
  /** Flags of `denoise-rotator prune`. */
  readonly flags: readonly string[];
}

const variant = (factor: string, setting: string, ...flags: string[]): Variant => ({
  factor,
  setting,
  flags,
});

/** The pruner as published. */
const alone = ["--refine", "none", "--no-match"];
const paper = [...alone, "--objective", "entropy", "--solver", "qr-adam", "--start", "identity"];

/** What everything is compared with. */
export const defaults = variant("default", "default", "--quality", "default");
export const plain = variant("rotation", "none, pruner alone", "--rotate", "none", ...alone);

/** The paper's recipe (arXiv 2505.23049) in a tenth of its steps, which cost a tenth of its time. */
export const paper200 = variant("paper's recipe", "200 steps", ...paper, "--steps", "200");
export const paper2000 = variant("paper's recipe", "2000 steps", ...paper, "--steps", "2000");

/** The rotation, one factor at a time. The default: direct, pca-dealt, muon, 60 steps, rate 0.1, 6 Newton–Schulz steps. */
export const rotationVariants: readonly Variant[] = [
  variant("objective", "entropy", "--rotation-preset", "default", "--objective", "entropy"),
  variant("start", "identity", "--start", "identity"),
  variant("start", "pca", "--start", "pca"),
  variant("steps", "25, rate 0.2 (fast)", "--rotation-preset", "fast"),
  variant("steps", "25", "--steps", "25"),
  variant("steps", "40", "--steps", "40"),
  variant("steps", "100", "--steps", "100"),
  variant("steps", "200", "--steps", "200"),
  variant("learning rate", "0.05", "--learning-rate", "0.05"),
  variant("learning rate", "0.2", "--learning-rate", "0.2"),
  variant("solver", "adam, 60 steps", "--solver", "adam", "--steps", "60"),
  variant("solver", "adam, 200 steps", "--solver", "adam", "--steps", "200"),
  variant("solver", "qr-adam, 200 steps", "--solver", "qr-adam", "--steps", "200"),
  variant("Newton–Schulz steps", "3", "--newton-schulz-steps", "3"),
  variant("Newton–Schulz steps", "4", "--newton-schulz-steps", "4"),
  variant("Newton–Schulz steps", "5", "--newton-schulz-steps", "5"),
  variant("rows sampled", "1/2", "--row-sample", "0.5"),
  variant("rows sampled", "1/4", "--row-sample", "0.25"),
  variant("diagonal blocks of R1", "2", "--r1-blocks", "2"),
  variant("diagonal blocks of R1", "4", "--r1-blocks", "4"),
  variant("diagonal blocks of R1", "8", "--r1-blocks", "8"),
  variant("importance", "Wanda's", "--rotation-importance", "wanda"),
  variant(
    "paper's recipe",
    "200 steps, dealt PCA start",
    ...paper.slice(0, -2),
    "--start",
    "pca-dealt",
    "--steps",
    "200",
  ),
];

/** Options of the pruner on top of the default rotation, and without one. */
export const prunerVariants: readonly Variant[] = [
  variant("refine", "pcg", "--refine", "pcg", "--no-match"),
  variant("match", "match", "--refine", "none", "--match"),
  variant("refine + match", "pcg, match", "--refine", "pcg", "--match"),
  variant("transport", "pcg, match, transport", "--refine", "pcg", "--match", "--transport"),
  variant("quality", "fast", "--quality", "fast"),
  variant("quality", "default", "--quality", "default"),
  variant("quality", "best", "--quality", "best"),
  variant("no rotation", "pcg", "--rotate", "none", "--refine", "pcg", "--no-match"),
  variant("no rotation", "pcg, match", "--rotate", "none", "--refine", "pcg", "--match"),
  variant("pruner", "alone", ...alone),
];

/** For unstructured sparsity alone. */
export const allocationVariants: readonly Variant[] = [
  variant("allocation", "global", "--allocation", "global"),
  variant("allocation", "sensitivity", "--allocation", "sensitivity"),
];
