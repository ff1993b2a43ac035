import {
  type DecoderBlock,
  formatPattern,
  type Importance,
  parsePattern,
  type SparsityPattern,
  sharedRows,
} from "@denoise-rotator/contracts";
import type { Tensor } from "@denoise-rotator/core";
import type { OrthogonalObjective, SolverState, StepInfo, StoppingRule } from "@denoise-rotator/manifold";
import { directObjective } from "./direct-objective.js";
import { entropyObjective } from "./entropy-objective.js";
import { type RotationProblem, rotationProblem } from "./problem.js";
import { checkBlocks } from "./r1-blocks.js";
import { type ImportanceObserver, showImportances, siteFigures, siteReports } from "./report.js";
import { identityRotation, objectiveReport, ownRotation, placement, type Rotation } from "./rotation.js";
import { checkRowSample, type RowSample } from "./row-sample.js";
import { type ObjectiveKind, type RotationSettings, resolveSettings } from "./settings.js";
import { solve } from "./solve.js";
import { startingPoint } from "./start.js";

export interface DenoiseOptions extends RotationSettings {
  /** Whose importances the rotation concentrates: a pruner's, with a `columnScale`. */
  readonly importance: Importance;
  /** What `direct` prunes, what dealing deals for, and what the report's figures are for. Default 2:4. */
  readonly pattern?: SparsityPattern | string | number;
  /** R1 is block-diagonal with that many equal blocks. Default 1. */
  readonly r1Blocks?: number;
  /**
   * Share of the rows that the first 60 % of the steps see, drawn by seed; the others see all. Default 1. An object sets
   * both: `{ share: 0.25, until: 0.6 }`.
   */
  readonly rowSample?: number | { readonly share: number; readonly until: number };
  /**
   * Frees the block's statistics once they are read: for blocks whose H is captured anew before it is needed again. Default
   * false: the block is only read.
   */
  readonly releaseStatistics?: boolean;
  /** Of everything that is drawn. Default 0. */
  readonly seed?: number;
  /** Ends the solver early; default: never. */
  readonly stop?: StoppingRule;
  readonly onStep?: (info: StepInfo) => unknown;
  /** Is shown the importances of each site without rotation and with the one that was learned. */
  readonly onImportances?: ImportanceObserver;
  /** A checkpoint that `onStep` took of the same block with the same options: ends with the same bytes. */
  readonly resume?: SolverState;
  readonly signal?: AbortSignal;
}

/**
 * Learns rotations R1, R2 of a block that concentrate the importance of its weights (DenoiseRotator, arXiv 2505.23049,
 * section 3). Before: `await block.foldNorms(); await block.capture()`. `absorb` applies the result. The caller disposes of the rotation.
 *
 * @throws OptionError for options out of range and missing statistics; ShapeError where the pattern does not fit a site;
 * NonFiniteError naming the site at which NaN or infinity arose.
 */
export async function denoise(block: DecoderBlock, options: DenoiseOptions): Promise<Rotation> {
  const { signal, r1Blocks = 1 } = options;
  const pattern = parsePattern(options.pattern ?? "2:4");
  const settings = resolveSettings(options);
  checkBlocks(r1Blocks, block.hiddenSize, groupSize(pattern));
  const rowSample = rowSampleOf(options, pattern);
  signal?.throwIfAborted();
  const { capabilities } = placement(block).backend;
  capabilities.resetPeakBytes?.();
  const { siteWeights } = settings;
  const { releaseStatistics = false } = options;
  const problem = await rotationProblem(block, options.importance, { siteWeights, releaseStatistics });
  try {
    const objective = objectiveOf(settings.objective, problem, pattern, rowSample);
    using identity = identityRotation(block);
    const { R1: I1, R2: I2 } = identity;
    const unrotated = await valueAt(objective, [I1, I2]);
    const before = await siteFigures(problem, I1, I2, pattern);
    await showImportances(options.onImportances, "before", problem, [I1, I2]);
    const start = await startingPoint(settings.start, block, problem, groupSize(pattern), r1Blocks);
    if (releaseStatistics) for (const site of block.sites) site.setStatistics(undefined);
    const result = await solve(objective, start, settings, options);
    const [R1, R2] = result.points as [Tensor, Tensor];
    const after = await siteFigures(problem, R1, R2, pattern);
    await showImportances(options.onImportances, "after", problem, [R1, R2]);
    const report = objectiveReport(objective.name, unrotated, result, capabilities);
    return ownRotation(R1, R2, { objective: report, sites: siteReports(problem, before, after) });
  } finally {
    problem.dispose();
  }
}

/** The name of {@link objectiveOf}. */
export const objectiveName = (kind: ObjectiveKind, pattern: SparsityPattern): string =>
  kind === "direct" ? `direct ${formatPattern(pattern)}` : kind;

/** An objective on a block's problem. */
export function objectiveOf(
  kind: ObjectiveKind,
  problem: RotationProblem,
  pattern: SparsityPattern,
  rowSample: RowSample | undefined,
): OrthogonalObjective {
  const sampling = rowSample && { rowSample };
  return kind === "direct"
    ? directObjective(problem, pattern, sampling)
    : entropyObjective(problem, sampling);
}

/** The sample of rows that `options` ask for. Throws {@link OptionError} where it is none. */
export function rowSampleOf(
  { rowSample = 1 }: Pick<DenoiseOptions, "rowSample">,
  pattern: SparsityPattern,
): RowSample | undefined {
  if (rowSample === 1) return undefined;
  const chosen = {
    ...(typeof rowSample === "number" ? { share: rowSample, until: 0.6 } : rowSample),
    ...{ group: groupSize(pattern), rows: sharedRows(pattern) },
  };
  checkRowSample(chosen);
  return chosen;
}

/** How many columns a group of the pattern holds; 4 where it has none. */
export const groupSize = (pattern: SparsityPattern): number => (pattern.kind === "n:m" ? pattern.of : 4);

async function valueAt(objective: OrthogonalObjective, points: readonly Tensor[]): Promise<number> {
  const { value, gradients } = await objective.evaluate(points);
  for (const gradient of gradients) gradient.dispose();
  return value;
}
