import { type DecoderBlock, requireStatistics, siteOf } from "@denoise-rotator/contracts";
import { fromArray, type Tensor, take, tidy, toNumbers } from "@denoise-rotator/core";
import { symmetricEigen } from "@denoise-rotator/linalg";
import type { RotationProblem } from "./problem.js";
import { rotatedImportances } from "./report.js";
import { identityRotation } from "./rotation.js";

/**
 * Where learning starts: no rotation; the principal axes of the block's inputs, most energetic first; or these dealt
 * out, so that the important columns fall into different groups of M.
 */
export type RotationStart = "identity" | "pca" | "pca-dealt";

/** R1 and R2 of a start; R2 is the identity. `group` is M of the pattern. The caller disposes. */
export async function startingPoint(
  start: RotationStart,
  block: DecoderBlock,
  problem: RotationProblem,
  group: number,
): Promise<[Tensor, Tensor]> {
  const { R1, R2 } = identityRotation(block);
  if (start === "identity") return [R1, R2];
  R1.dispose();
  try {
    const axes = await principalAxes(block);
    if (start === "pca" || block.hiddenSize % group !== 0) return [axes, R2];
    using basis = axes;
    return [await dealColumns(basis, R2, problem, group), R2];
  } catch (error) {
    R2.dispose();
    throw error;
  }
}

/** Eigenvectors `[hidden, hidden]` of H_attention/tr + H_mlp/tr as columns, largest eigenvalue first. */
async function principalAxes(block: DecoderBlock): Promise<Tensor> {
  using sum = tidy(() => {
    const [attention, mlp] = (["qProj", "gateProj"] as const).map((role) => {
      const { gram } = requireStatistics(siteOf(block, role));
      return gram.div(gram.diagonal().sum().maximum(1e-30));
    });
    return attention!.add(mlp!);
  });
  const { values, vectors } = await symmetricEigen(sum, { name: `${block.name}: H` });
  values.dispose();
  using ascending = vectors;
  const n = block.hiddenSize;
  return selectColumns(
    ascending,
    Array.from({ length: n }, (_, i) => n - 1 - i),
  );
}

const selectColumns = (x: Tensor, order: readonly number[]): Tensor =>
  tidy(() => take(x, fromArray(order, [order.length], { dtype: "i32", backend: x.backend }), 1));

/** Sorts the columns by importance over q, k, v, gate, up (each scaled to total 1) and deals them into groups. */
async function dealColumns(basis: Tensor, R2: Tensor, problem: RotationProblem, group: number) {
  using columns = tidy(() => {
    const { qProj, kProj, vProj, gateProj, upProj } = rotatedImportances(problem, basis, R2);
    return [qProj, kProj, vProj, gateProj, upProj]
      .map((S) => S.sum({ axis: 0 }).div(S.sum().maximum(1e-30)))
      .reduce((a, b) => a.add(b));
  });
  return selectColumns(basis, dealtOrder(await toNumbers(columns), group));
}

/**
 * Columns sorted by descending importance and dealt like cards, to and fro, into n/group hands of `group`; the hands
 * follow each other.
 */
export function dealtOrder(importances: ArrayLike<number>, group: number): number[] {
  const n = importances.length;
  const sorted = Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => importances[b]! - importances[a]! || a - b,
  );
  const hands = n / group;
  const order = new Array<number>(n);
  sorted.forEach((column, i) => {
    const round = Math.floor(i / hands);
    const at = round % 2 === 0 ? i % hands : hands - 1 - (i % hands);
    order[at * group + round] = column;
  });
  return order;
}
