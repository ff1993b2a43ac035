import { type DecoderBlock, requireStatistics, siteOf } from "@denoise-rotator/contracts";
import { fromArray, stack, type Tensor, take, tidy, toNumbers } from "@denoise-rotator/core";
import { symmetricEigen } from "@denoise-rotator/linalg";
import { diagonalBlocks, fromDiagonalBlocks } from "@denoise-rotator/manifold";
import type { RotationProblem } from "./problem.js";
import { mapImportances } from "./report.js";
import { identityRotation } from "./rotation.js";

export const rotationStarts = ["identity", "identity-dealt", "pca", "pca-dealt"] as const;
/**
 * Where learning starts: no rotation; the principal axes of the block's inputs, most energetic first; or either of these
 * dealt out, so that the important columns fall into different groups of M.
 */
export type RotationStart = (typeof rotationStarts)[number];

/**
 * R1 and R2 of a start; R2 is the identity. `group` is M of the pattern; with `blocks` > 1 axes and dealing stay within
 * that many diagonal blocks of R1. The caller disposes.
 */
export async function startingPoint(
  start: RotationStart,
  block: DecoderBlock,
  problem: RotationProblem,
  group: number,
  blocks = 1,
): Promise<[Tensor, Tensor]> {
  const { R1, R2 } = identityRotation(block);
  if (start === "identity") return [R1, R2];
  try {
    const energy = start === "identity-dealt" ? undefined : inputEnergy(block);
    using basis = energy ? await principalAxes(energy, `${block.name}: H`, blocks) : R1.alias();
    if (!dealsOut(start, block.hiddenSize, group, blocks)) return [basis.alias(), R2];
    return [dealColumns(basis, await columnImportances(problem, basis, R2), group, blocks), R2];
  } catch (error) {
    R2.dispose();
    throw error;
  } finally {
    R1.dispose();
  }
}

/** Whether a start deals columns out to groups of `group` within each of the diagonal blocks. */
export const dealsOut = (start: RotationStart, hiddenSize: number, group: number, blocks: number): boolean =>
  start.endsWith("-dealt") && (hiddenSize / blocks) % group === 0;

/** H_attention/tr + H_mlp/tr `[hidden, hidden]` of a block with statistics. The caller disposes. */
export const inputEnergy = (block: DecoderBlock): Tensor =>
  tidy(() => {
    const [attention, mlp] = (["qProj", "gateProj"] as const).map((role) => {
      const { gram } = requireStatistics(siteOf(block, role));
      return gram.div(gram.diagonal().sum().maximum(1e-30));
    });
    return attention!.add(mlp!);
  });

/**
 * Eigenvectors `[hidden, hidden]` of `energy` as columns, largest eigenvalue first; of each diagonal block where there are
 * several. Takes ownership of `energy`.
 */
export async function principalAxes(energy: Tensor, name: string, blocks: number): Promise<Tensor> {
  using sum = energy;
  if (blocks === 1) return descendingEigenvectors(sum, name);
  using parts = diagonalBlocks(sum, blocks);
  const axes: Tensor[] = [];
  try {
    for (let i = 0; i < blocks; i++) {
      using part = tidy(() =>
        parts
          .slice([i, i + 1])
          .squeeze(0)
          .contiguous(),
      );
      axes.push(await descendingEigenvectors(part, name));
    }
    return tidy(() => fromDiagonalBlocks(stack(axes)));
  } finally {
    for (const each of axes) each.dispose();
  }
}

async function descendingEigenvectors(matrix: Tensor, name: string): Promise<Tensor> {
  const { values, vectors } = await symmetricEigen(matrix, { name });
  values.dispose();
  using ascending = vectors;
  const n = matrix.shape[0]!;
  return selectColumns(
    ascending,
    Array.from({ length: n }, (_, i) => n - 1 - i),
  );
}

const selectColumns = (x: Tensor, order: readonly number[]): Tensor =>
  tidy(() => take(x, fromArray(order, [order.length], { dtype: "i32", backend: x.backend }), 1));

/** The sites that read the residual stream. */
const hiddenReaders = ["qProj", "kProj", "vProj", "gateProj", "upProj"] as const;

/** Importance of every column of the residual stream in `basis`, over q, k, v, gate, up, each scaled to total 1. */
export async function columnImportances(
  problem: RotationProblem,
  basis: Tensor,
  R2: Tensor,
): Promise<Float64Array> {
  using columns = tidy(() => {
    const share = (S: Tensor) => S.sum({ axis: 0 }).div(S.sum().maximum(1e-30));
    const shares = mapImportances(problem, basis, R2, share, hiddenReaders);
    return hiddenReaders.map((role) => shares.get(role)!).reduce((a, b) => a.add(b));
  });
  return Float64Array.from(await toNumbers(columns));
}

/** Sorts the columns of `basis` by importance and deals them into groups. */
export function dealColumns(basis: Tensor, importances: Float64Array, group: number, blocks: number): Tensor {
  const size = importances.length / blocks;
  const order = Array.from({ length: blocks }, (_, i) =>
    dealtOrder(importances.slice(i * size, (i + 1) * size), group).map((column) => i * size + column),
  ).flat();
  return selectColumns(basis, order);
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
