import {
  type DecoderBlock,
  type Importance,
  parsePattern,
  type SparsityPattern,
} from "@denoise-rotator/contracts";
import { OptionError, type Tensor } from "@denoise-rotator/core";
import {
  muon,
  muonSteps,
  type OrthogonalObjective,
  qrAdam,
  qrAdamSteps,
  type Solver,
  type SolverResult,
} from "@denoise-rotator/manifold";
import { directObjective } from "./direct-objective.js";
import { entropyObjective } from "./entropy-objective.js";
import { type RotationProblem, rotationProblem } from "./problem.js";
import { siteFigures, siteReports } from "./report.js";
import { identityRotation, ownRotation, type Rotation } from "./rotation.js";
import { type RotationStart, startingPoint } from "./start.js";

export interface DenoiseOptions {
  /** Whose importances the rotation concentrates: a pruner's, with a `columnScale`. */
  readonly importance: Importance;
  /** `direct`: the importance that `pattern` would prune (default); `entropy`: the paper's. */
  readonly objective?: "direct" | "entropy";
  /** What `direct` prunes, and what the report's figures are for. Default 2:4. */
  readonly pattern?: SparsityPattern | string | number;
  /** Default: `muon` for direct, `qrAdam` for entropy. */
  readonly solver?: Solver;
  /** Default: 2000 for qrAdam, as in the paper; else 60. With 0 the start is the result. */
  readonly steps?: number;
  /** Default: the solver's. */
  readonly learningRate?: number;
  /** Default: `pca-dealt` for direct, `identity` for entropy. */
  readonly start?: RotationStart;
  readonly onStep?: (info: { step: number; value: number; best: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Learns rotations R1, R2 of a block that concentrate the importance of its weights (DenoiseRotator, arXiv 2505.23049,
 * section 3). Before: `await block.foldNorms(); await block.capture()`. The block is only read; `absorb` applies the
 * result. The caller disposes of the rotation.
 *
 * @throws OptionError for options out of range and missing statistics; ShapeError where the pattern's M does not divide
 * a site's inputs; NonFiniteError naming the site at which NaN or infinity arose.
 */
export async function denoise(block: DecoderBlock, options: DenoiseOptions): Promise<Rotation> {
  const { signal, objective: kind = "direct" } = options;
  const pattern = parsePattern(options.pattern ?? "2:4");
  const solver = options.solver ?? (kind === "direct" ? muon() : qrAdam());
  const { steps = solver.name === "qr-adam" ? qrAdamSteps : muonSteps } = options;
  if (kind !== "direct" && kind !== "entropy") throw new OptionError(`objective ${kind}: direct or entropy`);
  if (!Number.isInteger(steps) || steps < 0) throw new OptionError(`steps ${steps}: an integer ≥ 0`);
  signal?.throwIfAborted();
  const problem = await rotationProblem(block, options.importance);
  try {
    const objective = kind === "direct" ? directObjective(problem, pattern) : entropyObjective(problem);
    using identity = identityRotation(block);
    const { R1: I1, R2: I2 } = identity;
    const unrotated = await valueAt(objective, [I1, I2]);
    const before = await siteFigures(problem, I1, I2, pattern);
    const start = options.start ?? (kind === "direct" ? "pca-dealt" : "identity");
    const result = await solve(block, problem, objective, { ...options, solver, steps, start, pattern });
    const [R1, R2] = result.points as [Tensor, Tensor];
    const after = await siteFigures(problem, R1, R2, pattern);
    const { start: first, best, trace } = result;
    const report = { name: objective.name, unrotated, start: first, best, steps: result.steps, trace };
    return ownRotation(R1, R2, { objective: report, sites: siteReports(problem, before, after) });
  } finally {
    problem.dispose();
  }
}

interface SolveOptions extends DenoiseOptions {
  readonly solver: Solver;
  readonly steps: number;
  readonly start: RotationStart;
  readonly pattern: SparsityPattern;
}

async function solve(
  block: DecoderBlock,
  problem: RotationProblem,
  objective: OrthogonalObjective,
  options: SolveOptions,
): Promise<SolverResult> {
  const { solver, steps, learningRate, onStep, signal, pattern } = options;
  const points = await startingPoint(options.start, block, problem, pattern.kind === "n:m" ? pattern.of : 4);
  try {
    return await solver.minimize(objective, points, {
      steps,
      ...(learningRate === undefined ? {} : { learningRate }),
      ...(onStep ? { onStep } : {}),
      ...(signal ? { signal } : {}),
    });
  } finally {
    for (const point of points) point.dispose();
  }
}

async function valueAt(objective: OrthogonalObjective, points: readonly Tensor[]): Promise<number> {
  const { value, gradients } = await objective.evaluate(points);
  for (const gradient of gradients) gradient.dispose();
  return value;
}
