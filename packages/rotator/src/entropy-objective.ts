import { type Tensor, tidy, where } from "@denoise-rotator/core";
import type { OrthogonalObjective } from "@denoise-rotator/manifold";
import { type Segment, type SegmentTerm, segmentObjective } from "./objective.js";
import type { RotationProblem } from "./problem.js";
import { groupsOf } from "./site-groups.js";

/**
 * The paper's objective (arXiv 2505.23049, eq. 4): entropies −Σ p·ln p in nats of the importances, normalised within
 * each row (q, k, gate, up), column (down) or both (v, o), unweighted sum. A group of zeros has entropy 0 and no gradient.
 *
 * Totals are those of the rotated importances. Within a column h is constant, so columns are taken of Y² alone.
 */
export function entropyObjective(problem: RotationProblem): OrthogonalObjective {
  return segmentObjective("entropy", problem, (segment) => tidy(() => entropyTerm(segment)));
}

function entropyTerm({ roles, Y, h, inputAxis }: Segment): SegmentTerm {
  const groups = groupsOf(roles[0]!);
  const squared = Y.square();
  const rows = groups.rows ? tidy(() => rowTerm(Y, squared, h, inputAxis)) : undefined;
  const columns = groups.columns ? tidy(() => groupTerm(Y, squared, inputAxis === 1 ? 0 : 1)) : undefined;
  if (!columns) return rows!;
  if (!rows) return { value: columns.value, halfDY: columns.slopeY, dh: undefined };
  return { value: rows.value.add(columns.value), halfDY: rows.halfDY.add(columns.slopeY), dh: rows.dh };
}

function rowTerm(Y: Tensor, squared: Tensor, h: Tensor | undefined, inputAxis: 0 | 1): SegmentTerm {
  if (!h) {
    const { value, slopeY } = groupTerm(Y, squared, inputAxis);
    return { value, halfDY: slopeY, dh: undefined };
  }
  const spread = inputAxis === 1 ? h : h.unsqueeze(1);
  const { value, slopeY } = groupTerm(Y, squared.mul(spread), inputAxis);
  const dh = slopeY.mul(Y).sum({ axis: 1 - inputAxis });
  return { value, halfDY: slopeY.mul(spread), dh };
}

/** Below every p that matters, above the smallest f32: keeps ln finite where p = 0 and Y with it. */
const tiny = 1e-30;

/** Σ entropies of S along `axis`, and Y·∂E/∂S with ∂E/∂S = −(ln p + E) / ΣS. */
function groupTerm(Y: Tensor, S: Tensor, axis: 0 | 1): { value: Tensor; slopeY: Tensor } {
  return tidy(() => {
    const along = { axis, keepDims: true };
    const total = S.sum(along);
    const empty = total.equal(0);
    const inverse = where(empty, 0, where(empty, 1, total).reciprocal());
    const p = S.mul(inverse);
    const logP = p.maximum(tiny).log();
    const E = p.mul(logP).sum(along).neg();
    return { value: E.sum(), slopeY: logP.add(E).mul(inverse.neg()).mul(Y) };
  });
}
