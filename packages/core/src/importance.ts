import type { GroupEntropyOptions, PrunedEnergyOptions } from "./backend.js";
import { ShapeError } from "./errors.js";
import { copyInto } from "./into.js";
import { where } from "./ops/elementwise.js";
import { smallest } from "./ops/indexing.js";
import { tidy } from "./scope.js";
import { formatShape } from "./shape.js";
import { Tensor } from "./tensor.js";

/*
 * Closed-form terms of importances S = y²·h, with their derivatives, in one call: what learning rotations evaluates. They
 * write into tensors that must be private to the caller (see into.ts), and tapes do not see them.
 */

/** A column scale along the axis that counts a linear layer's inputs; left out: ones. */
export interface Scaled {
  readonly h?: Tensor | undefined;
}

export interface PrunedEnergyIntoOptions extends PrunedEnergyOptions, Scaled {
  /** Consecutive outputs that lose the same inputs, those with the smallest sums; default 1. */
  readonly shared?: number;
}

/**
 * f = Σ M·y²·h, M the mask of the `count` smallest S = y²·h of every `group` consecutive inputs (`smallest`): y `[n, d]`
 * becomes ½·∂f/∂y = M·y·h, with M constant. Returns the energy ∂f/∂h `[inputs]` = Σ over outputs of M·y², so that f = Σ energy·h.
 *
 * @throws ShapeError if h does not fit, or `group` does not divide the inputs, or `shared` the outputs.
 */
export function prunedEnergyInto(y: Tensor, options: PrunedEnergyIntoOptions): Tensor {
  const { h, inputAxis, group, count, shared = 1 } = options;
  const inputs = checkedLength("prunedEnergyInto", y, h, inputAxis);
  if (!(group >= 1) || inputs % group !== 0)
    throw new ShapeError(`prunedEnergyInto: groups of ${group} do not fill ${inputs} inputs`);
  const outputs = y.shape[1 - inputAxis]!;
  if (!(shared >= 1) || outputs % shared !== 0)
    throw new ShapeError(`prunedEnergyInto: blocks of ${shared} do not fill ${outputs} outputs`);
  const kernel = y.backend.kernels.prunedEnergy;
  if (!kernel || y.dtype !== "f32" || shared > 1) return tidy(() => composedEnergy(y, options));
  const energy = Tensor.empty(y.backend, [inputs], "f32");
  kernel(y.operand, h?.operand, y.operand, energy.operand, { inputAxis, group, count });
  return energy;
}

function composedEnergy(y: Tensor, options: PrunedEnergyIntoOptions): Tensor {
  const { h, inputAxis, group, count, shared = 1 } = options;
  const spread = h && (inputAxis === 1 ? h : h.unsqueeze(1));
  const S = spread ? y.square().mul(spread) : y.square();
  const byRow = smallestInBlocks(inputAxis === 1 ? S : S.transpose(), { group, count, shared });
  const pruned = where(inputAxis === 1 ? byRow : byRow.transpose(), y, 0);
  const energy = pruned.mul(y).sum({ axis: 1 - inputAxis });
  copyInto(y, spread ? pruned.mul(spread) : pruned);
  return energy;
}

/**
 * As `smallest` for x `[rows, columns]`, but every `shared` consecutive rows (which must divide the rows) are marked alike, by
 * the sums of their elements.
 */
export function smallestInBlocks(
  x: Tensor,
  { group, count, shared }: { readonly group: number; readonly count: number; readonly shared: number },
): Tensor {
  if (shared === 1) return smallest(x, { group, count });
  const [rows, columns] = x.shape as [number, number];
  const blocks = [rows / shared, shared, columns];
  return tidy(() =>
    smallest(x.reshape(blocks).sum({ axis: 1 }), { group, count })
      .unsqueeze(1)
      .expand(blocks)
      .reshape(x.shape),
  );
}

/** Entropies of the groups, and ∂(Σ entropies)/∂h. */
export interface GroupEntropies {
  /** In nats, one for each group; 0 for a group of zeros. */
  readonly entropies: Tensor;
  /** Along `axis`. */
  readonly energy: Tensor;
}

/** Below every p that matters, above the smallest f32: keeps ln finite where p = 0 and y with it. */
const tiny = 1e-30;

/**
 * f = Σ over groups of −Σ p·ln p, p = S / ΣS within each group along `axis`, S = y²·h: `out` `[n, d]` becomes (with
 * `accumulate`: gains) ½·∂f/∂y = y·h·s, s = −(ln p + E)/ΣS. `out` may be `y`, unless accumulated onto.
 *
 * @throws ShapeError if h or out do not fit.
 */
export function groupEntropyInto(
  out: Tensor,
  y: Tensor,
  options: GroupEntropyOptions & Scaled,
): GroupEntropies {
  const { h, axis, accumulate } = options;
  const length = checkedLength("groupEntropyInto", y, h, axis);
  if (formatShape(out.shape) !== formatShape(y.shape)) {
    throw new ShapeError(`groupEntropyInto: out ${formatShape(out.shape)} is not ${formatShape(y.shape)}`);
  }
  const kernel = y.backend.kernels.groupEntropy;
  if (!kernel || y.dtype !== "f32") return tidy(() => composedEntropies(out, y, options));
  const energy = Tensor.empty(y.backend, [length], "f32");
  const entropies = Tensor.empty(y.backend, [y.shape[1 - axis]!], "f32");
  kernel(y.operand, h?.operand, out.operand, energy.operand, entropies.operand, { axis, accumulate });
  return { entropies, energy };
}

function composedEntropies(
  out: Tensor,
  y: Tensor,
  { h, axis, accumulate }: GroupEntropyOptions & Scaled,
): { entropies: Tensor; energy: Tensor } {
  const spread = h && (axis === 1 ? h : h.unsqueeze(1));
  const S = spread ? y.square().mul(spread) : y.square();
  const along = { axis, keepDims: true };
  const total = S.sum(along);
  const empty = total.equal(0);
  const inverse = where(empty, 0, where(empty, 1, total).reciprocal());
  const p = S.mul(inverse);
  const logP = p.maximum(tiny).log();
  const E = p.mul(logP).sum(along).neg();
  const slope = logP.add(E).mul(inverse.neg()).mul(y);
  const energy = slope.mul(y).sum({ axis: 1 - axis });
  const half = spread ? slope.mul(spread) : slope;
  copyInto(out, accumulate ? out.add(half) : half);
  return { entropies: E.squeeze(axis), energy };
}

/** The size of `axis` of a matrix, after checking that h has it. */
function checkedLength(what: string, y: Tensor, h: Tensor | undefined, axis: 0 | 1): number {
  const length = y.shape[axis];
  const fits = h === undefined || (h.rank === 1 && h.shape[0] === length);
  if (y.rank === 2 && fits) return length!;
  const scale = h ? ` and h ${formatShape(h.shape)}` : "";
  throw new ShapeError(`${what}: y ${formatShape(y.shape)}${scale} do not fit along axis ${axis}`);
}
