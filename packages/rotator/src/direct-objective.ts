import {
  checkPatternFits,
  formatPattern,
  type SparsityPattern,
  siteRoles,
  siteShapes,
} from "@denoise-rotator/contracts";
import { prunedEnergyInto, tidy } from "@denoise-rotator/core";
import type { OrthogonalObjective } from "@denoise-rotator/manifold";
import { type ObjectiveOptions, type Segment, type SegmentTerm, segmentObjective } from "./objective.js";
import type { RotationProblem } from "./problem.js";
import { prunedOf } from "./pruned-mask.js";

/**
 * The importance that `pattern` would prune, as a share of each matrix's total, summed over the seven matrices:
 * f = Σ_W ⟨M, S⟩ / total_W. The mask M follows the rotation and counts as constant in the gradient, which is exact
 * wherever no two importances tie. `unstructured` compares within rows; rows that share their positions are compared by
 * their sums.
 *
 * @throws ShapeError naming the site that the pattern does not fit.
 */
export function directObjective(
  problem: RotationProblem,
  pattern: SparsityPattern,
  options: ObjectiveOptions = {},
): OrthogonalObjective {
  checkPatternOfProblem(problem, pattern);
  return segmentObjective(
    `direct ${formatPattern(pattern)}`,
    problem,
    (segment) => tidy(() => directTerm(segment, pattern)),
    options,
  );
}

/** Throws ShapeError naming the first site that `pattern` does not fit. */
export function checkPatternOfProblem(problem: RotationProblem, pattern: SparsityPattern): void {
  const { siteNames, hiddenSize, heads, down } = problem;
  const shapes = siteShapes({ hiddenSize, heads, intermediate: down.shape[0]! });
  for (const role of siteRoles) checkPatternFits(pattern, shapes[role], siteNames[role]);
}

/** f = Σ M·Y²·h = Σ energy·h, ½·∂Y = M·Y·h, ∂h = energy. */
function directTerm({ Y, h, inputAxis }: Segment, pattern: SparsityPattern): SegmentTerm {
  const energy = prunedEnergyInto(Y, { h, inputAxis, ...prunedOf(pattern, Y.shape[inputAxis]!) });
  return h ? { value: energy.mul(h).sum(), dh: energy } : { value: energy.sum(), dh: undefined };
}
