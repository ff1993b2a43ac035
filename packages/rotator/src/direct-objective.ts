import { checkPatternFits, formatPattern, type SparsityPattern } from "@denoise-rotator/contracts";
import { tidy, where } from "@denoise-rotator/core";
import type { OrthogonalObjective } from "@denoise-rotator/manifold";
import { type Segment, type SegmentTerm, segmentObjective } from "./objective.js";
import type { RotationProblem } from "./problem.js";
import { prunedMask } from "./pruned-mask.js";

/**
 * The importance that `pattern` would prune, as a share of each matrix's total, summed over the seven matrices:
 * f = Σ_W ⟨M, S⟩ / total_W. The mask M follows the rotation and counts as constant in the gradient, which is exact
 * wherever no two importances tie. `unstructured` compares within rows.
 *
 * @throws ShapeError naming the site whose inputs M does not divide.
 */
export function directObjective(problem: RotationProblem, pattern: SparsityPattern): OrthogonalObjective {
  checkPatternOfProblem(problem, pattern);
  return segmentObjective(`direct ${formatPattern(pattern)}`, problem, (segment) =>
    tidy(() => directTerm(segment, pattern)),
  );
}

/** Throws ShapeError naming the first site in whose input dimension `pattern` does not fit. */
export function checkPatternOfProblem(problem: RotationProblem, pattern: SparsityPattern): void {
  const { siteNames, hiddenSize, heads, down } = problem;
  checkPatternFits(pattern, hiddenSize, siteNames.qProj);
  checkPatternFits(pattern, heads.count * heads.dim, siteNames.oProj);
  checkPatternFits(pattern, down.shape[1]!, siteNames.downProj);
}

/** f = Σ M·Y²·h, ½·∂Y = M·Y·h, ∂h = Σ_outputs M·Y². */
function directTerm({ Y, h, inputAxis }: Segment, pattern: SparsityPattern): SegmentTerm {
  const squared = Y.square();
  const spread = h && (inputAxis === 1 ? h : h.unsqueeze(1));
  const mask = prunedMask(spread ? squared.mul(spread) : squared, pattern, inputAxis);
  const pruned = where(mask, Y, 0);
  if (!h || !spread) return { value: pruned.mul(Y).sum(), halfDY: pruned, dh: undefined };
  const dh = pruned.mul(Y).sum({ axis: 1 - inputAxis });
  return { value: dh.mul(h).sum(), halfDY: pruned.mul(spread), dh };
}
