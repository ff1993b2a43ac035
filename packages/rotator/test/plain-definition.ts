import {
  type ColumnScale,
  type DecoderBlock,
  type SiteRole,
  type SparsityPattern,
  siteOf,
  siteRoles,
} from "@denoise-rotator/contracts";
import { concat, diagonalMatrix, entropy, eye, smallest, type Tensor, tidy } from "@denoise-rotator/core";
import { dampedInverse } from "./importances.js";

/** H of every site, or the inverse of the damped H for `inverseDiagonal`. */
export async function matricesOf(block: DecoderBlock, scale: ColumnScale): Promise<Record<SiteRole, Tensor>> {
  const entries = [];
  for (const role of siteRoles) {
    const { gram } = siteOf(block, role).statistics!;
    entries.push([role, scale === "inverseDiagonal" ? await dampedInverse(gram) : gram]);
  }
  return Object.fromEntries(entries);
}

/** The block-diagonal matrix of every head's R2, made of recorded ops. */
function spread(R2: Tensor, repeats: number): Tensor {
  const [n, dim] = R2.shape as [number, number];
  const heads = Array.from({ length: n * repeats }, (_, head) => Math.floor(head / repeats));
  const like = { dtype: R2.dtype, backend: R2.backend };
  const rows = heads.map((kv, head) => {
    const block = R2.slice([kv, kv + 1]).squeeze(0);
    const place = eye(heads.length * dim, like).slice([head * dim, (head + 1) * dim]);
    return block.matmul(place);
  });
  return concat(rows);
}

export interface Definition {
  block: DecoderBlock;
  scale: ColumnScale;
  matrices: Record<SiteRole, Tensor>;
}

/** Rotated weights squared times column scales, written as the method's table reads. */
export function plainImportances({ block, scale, matrices }: Definition, R1: Tensor, R2: Tensor) {
  const { count, keyValueCount } = block.heads;
  const W = (role: SiteRole) => siteOf(block, role).weight;
  const B = spread(R2, count / keyValueCount);
  const identity = diagonalMatrix(matrices.downProj.diagonal().mul(0).add(1));
  const left: Partial<Record<SiteRole, Tensor>> = { vProj: spread(R2, 1), oProj: R1, downProj: R1 };
  const right = (role: SiteRole) => (role === "oProj" ? B : role === "downProj" ? identity : R1);
  return Object.fromEntries(
    siteRoles.map((role) => {
      const turned = W(role).matmul(right(role));
      const rotated = left[role] ? left[role].transpose().matmul(turned) : turned;
      const q = right(role).transpose().matmul(matrices[role]).matmul(right(role)).diagonal();
      const h = scale === "one" ? q.mul(0).add(1) : scale === "diagonal" ? q : q.reciprocal();
      return [role, rotated.square().mul(h)];
    }),
  ) as Record<SiteRole, Tensor>;
}

export function plainEntropy(definition: Definition, R1: Tensor, R2: Tensor): Tensor {
  const S = plainImportances(definition, R1, R2);
  const both = ["vProj", "oProj"];
  return siteRoles
    .flatMap((role) => [
      ...(role === "downProj" ? [] : [entropy(S[role]).sum()]),
      ...(role === "downProj" || both.includes(role) ? [entropy(S[role], { axis: 0 }).sum()] : []),
    ])
    .reduce((a, b) => a.add(b));
}

/** Totals that the direct objective divides by; they do not depend on the rotation. */
function totals(definition: Definition): Record<SiteRole, Tensor> {
  const { block, scale, matrices } = definition;
  const { keyValueCount, dim } = block.heads;
  const like = { dtype: matrices.qProj.dtype };
  const R2 = eye(dim, like).expand([keyValueCount, dim, dim]).contiguous();
  const S = plainImportances(definition, eye(block.hiddenSize, like), R2);
  return Object.fromEntries(
    siteRoles.map((role) => {
      const W = siteOf(block, role).weight;
      const energy = scale === "diagonal" && role !== "oProj" && role !== "downProj";
      return [role, energy ? W.matmul(matrices[role]).mul(W).sum() : S[role].sum()];
    }),
  ) as Record<SiteRole, Tensor>;
}

export function plainDirect(
  definition: Definition,
  pattern: SparsityPattern,
  R1: Tensor,
  R2: Tensor,
): Tensor {
  const S = plainImportances(definition, R1, R2);
  const total = tidy(() => totals(definition));
  return siteRoles
    .map((role) => {
      const options =
        pattern.kind === "n:m"
          ? { group: pattern.of, count: pattern.of - pattern.keep }
          : { count: Math.floor(pattern.sparsity * S[role].shape[1]!) };
      // What rows share is what of their sum goes.
      const rows = pattern.kind === "n:m" ? (pattern.rows ?? 1) : 1;
      const [outputs, inputs] = S[role].shape as [number, number];
      const energy = S[role].reshape([outputs / rows, rows, inputs]).sum({ axis: 1 });
      return energy.mul(smallest(energy, options).cast("f64")).sum().div(total[role]);
    })
    .reduce((a, b) => a.add(b));
}
