import { copyInto, groupEntropyInto, Tensor, tidy } from "@denoise-rotator/core";
import type { OrthogonalObjective } from "@denoise-rotator/manifold";
import { type ObjectiveOptions, type Segment, type SegmentTerm, segmentObjective } from "./objective.js";
import { partRoles } from "./packed-weights.js";
import type { RotationProblem } from "./problem.js";
import { groupsOf } from "./site-groups.js";

/**
 * The paper's objective (arXiv 2505.23049, eq. 4): entropies −Σ p·ln p in nats of the importances, normalised within
 * each row (q, k, gate, up), column (down) or both (v, o), unweighted sum. A group of zeros has entropy 0 and no gradient.
 *
 * Totals are those of the rotated importances. Within a column h is constant, so columns are taken of Y² alone.
 */
export const entropyObjective = (
  problem: RotationProblem,
  options: ObjectiveOptions = {},
): OrthogonalObjective =>
  segmentObjective("entropy", problem, (segment) => tidy(() => entropyTerm(segment)), options);

function entropyTerm({ part, Y, h, inputAxis }: Segment): SegmentTerm {
  const groups = groupsOf(partRoles[part][0]);
  const across = inputAxis === 1 ? 0 : 1;
  if (!groups.columns) {
    const { entropies, energy } = groupEntropyInto(Y, Y, { h, axis: inputAxis, accumulate: false });
    return { value: entropies.sum(), dh: h && energy };
  }
  if (!groups.rows) {
    const { entropies } = groupEntropyInto(Y, Y, { axis: across, accumulate: false });
    return { value: entropies.sum(), dh: undefined };
  }
  const half = Tensor.empty(Y.backend, Y.shape, Y.dtype);
  const rows = groupEntropyInto(half, Y, { h, axis: inputAxis, accumulate: false });
  const columns = groupEntropyInto(half, Y, { axis: across, accumulate: true });
  copyInto(Y, half);
  return { value: rows.entropies.sum().add(columns.entropies.sum()), dh: h && rows.energy };
}
