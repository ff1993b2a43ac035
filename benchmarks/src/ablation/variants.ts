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
const paperFrom = (start: string) => [
  ...alone,
  ...["--rotation-preset", "paper", "--objective", "entropy", "--solver", "qr-adam", "--start", start],
];
const paper = paperFrom("identity");

/** What everything is compared with. */
export const defaults = variant("default", "default", "--quality", "default");
export const plain = variant("rotation", "none, pruner alone", "--rotate", "none", ...alone);

/** The paper's recipe (arXiv 2505.23049) in a tenth of its steps, which cost a tenth of its time. */
export const paper200 = variant("paper's recipe", "200 steps", ...paper, "--steps", "200");
export const paper2000 = variant("paper's recipe", "2000 steps", ...paper, "--steps", "2000");

/** Our default rotation with the pruner as published: what compares with the paper's recipe. */
export const rotationAlone = variant("pruner", "alone", ...alone);

/** The rotation, one factor at a time. The default: direct, pca-dealt, muon, 60 steps, rate 0.3, 3 Newton–Schulz steps. */
export const rotationVariants: readonly Variant[] = [
  variant(
    "objective",
    "entropy",
    "--rotation-preset",
    "default",
    "--objective",
    "entropy",
    "--start",
    "pca-dealt",
  ),
  variant("start", "identity", "--start", "identity"),
  variant("start", "identity-dealt", "--start", "identity-dealt"),
  variant("start", "pca", "--start", "pca"),
  variant("site weights", "all alike", "--site-weights", "equal"),
  variant("steps", "25 (fast)", "--rotation-preset", "fast"),
  variant("steps", "40", "--steps", "40"),
  variant("steps", "100", "--steps", "100"),
  variant("steps", "200", "--steps", "200"),
  variant("learning rate", "0.1", "--learning-rate", "0.1"),
  variant("learning rate", "0.2", "--learning-rate", "0.2"),
  variant("learning rate", "0.5", "--learning-rate", "0.5"),
  variant("Newton–Schulz steps", "2", "--newton-schulz-steps", "2"),
  variant("Newton–Schulz steps", "4", "--newton-schulz-steps", "4"),
  variant("Newton–Schulz steps", "5", "--newton-schulz-steps", "5"),
  variant("Newton–Schulz steps", "6", "--newton-schulz-steps", "6"),
  variant(
    "first sketch",
    "rate 0.1, 6 Newton–Schulz steps",
    "--learning-rate",
    "0.1",
    "--newton-schulz-steps",
    "6",
  ),
  variant("solver", "adam, 60 steps", "--solver", "adam", "--steps", "60"),
  variant("solver", "qr-adam, 200 steps", "--solver", "qr-adam", "--steps", "200"),
  variant("rows sampled", "1/2", "--row-sample", "0.5"),
  variant("rows sampled", "1/4", "--row-sample", "0.25"),
  variant("diagonal blocks of R1", "2", "--r1-blocks", "2"),
  variant("diagonal blocks of R1", "4", "--r1-blocks", "4"),
  variant("diagonal blocks of R1", "8", "--r1-blocks", "8"),
  variant("importance", "Wanda's", "--rotation-importance", "wanda"),
  variant("paper's recipe", "200 steps, columns dealt", ...paperFrom("identity-dealt"), "--steps", "200"),
  variant("paper's recipe", "200 steps, PCA dealt", ...paperFrom("pca-dealt"), "--steps", "200"),
];

/** Options of the pruner on top of the default rotation, and without one. */
export const prunerVariants: readonly Variant[] = [
  variant("refine", "pcg", "--refine", "pcg", "--no-match"),
  variant("match", "match", "--refine", "none", "--match"),
  variant("transport", "pcg, match, transport", "--refine", "pcg", "--match", "--transport"),
  variant("quality", "fast", "--quality", "fast"),
  variant("quality", "best", "--quality", "best"),
  variant("no rotation", "pcg", "--rotate", "none", "--refine", "pcg", "--no-match"),
  variant("no rotation", "pcg, match", "--rotate", "none", "--refine", "pcg", "--match"),
];

/** For unstructured sparsity alone. */
export const allocationVariants: readonly Variant[] = [
  variant("allocation", "global", "--allocation", "global"),
  variant("allocation", "sensitivity", "--allocation", "sensitivity"),
];
