import { type ReadonlySite, type SiteRole, siteRoles } from "@denoise-rotator/contracts";
import {
  attention,
  ones,
  rmsNorm,
  rope,
  Sparse24Weight,
  sparse24Matmul,
  swiglu,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import type { RopeTables } from "./rope-tables.js";

/** What the forward pass reads of a linear layer. */
export interface Layer extends Pick<ReadonlySite, "bias"> {
  /** `[out, in]`, dense or 2:4-sparse. */
  readonly weight: Tensor | Sparse24Weight;
}

/** What the forward pass of a block reads. */
export interface BlockParts {
  readonly site: (role: SiteRole) => Layer;
  /** Gain `[hidden]` of the norm before attention. */
  readonly attentionNorm: Tensor;
  /** Gain `[hidden]` of the norm before the feed-forward part. */
  readonly feedForwardNorm: Tensor;
  readonly eps: number;
  readonly heads: { readonly count: number; readonly keyValueCount: number; readonly dim: number };
  /** Gains `[dim]` of the norms of every head's queries and keys. */
  readonly headNorms: { readonly query: Tensor; readonly key: Tensor } | undefined;
  /** Tokens that attention sees, the present one and those before it; `undefined`: all. */
  readonly attentionWindow: number | undefined;
  /** Change of basis at the entry, an `[out, in]` weight; in rotated checkpoints. */
  readonly inputRotation: Tensor | undefined;
  readonly residualBasis: Tensor | undefined;
  /** V `[hidden, hidden]` which outputs y leave as V·y. */
  readonly outputMap: Tensor | undefined;
}

/** The sites that read one input, in the order of the forward pass. */
export const inputGroups: readonly (readonly SiteRole[])[] = [
  ["qProj", "kProj", "vProj"],
  ["oProj"],
  ["gateProj", "upProj"],
  ["downProj"],
];
export const groupOf = (role: SiteRole): number => inputGroups.findIndex((group) => group.includes(role));

/** What the sites of a group read. */
export interface GroupInput {
  /** `[tokens, in]`. */
  readonly rows: Tensor;
  /** `[tokens, hidden]`: what the group's output is added to; of groups that write into the residual stream. */
  readonly residual: Tensor | undefined;
}

/** Sees the inputs of each group; nothing after group `last` is computed. */
interface Tap {
  readonly last: number;
  readonly see: (group: number, rows: Tensor, residual?: Tensor) => void;
}

/**
 * Attention of queries `[b, h, t, d]` of the tokens at hand, given their keys and values `[b, g, t, d]`, to what they see:
 * these, or others that came before. It runs within the forward pass, which frees what it makes.
 */
export type Attend = (q: Tensor, k: Tensor, v: Tensor, options: AttendOptions) => Tensor;
export interface AttendOptions {
  /** As `attentionWindow`. */
  readonly window: number | undefined;
}

/**
 * The block's outputs for x `[b, t, hidden]`, same shape, in the unrotated basis. The caller disposes. `tables` are of the
 * tokens' positions; `attend` says what they see, by default each the tokens of its window up to its own.
 */
export const forwardBlock = (parts: BlockParts, x: Tensor, tables: RopeTables, attend?: Attend): Tensor =>
  tidy(() => run(parts, x, tables, { attend })!);

/**
 * The block's outputs as the next linear map reads them, `[tokens, hidden]`: the residual stream, where `normalised` its
 * normalised form. The caller disposes.
 */
export const outputRows = (parts: BlockParts, x: Tensor, tables: RopeTables, normalised: boolean): Tensor =>
  tidy(() => {
    const [windows, length, hidden] = x.shape as [number, number, number];
    const rows = forwardBlock(parts, x, tables).reshape([windows * length, hidden]);
    return normalised ? rmsNorm(rows, ones([hidden], { backend: x.backend }), parts.eps) : rows;
  });

/** The inputs of the wanted groups, by group; the caller disposes. */
export function groupInputs(
  parts: BlockParts,
  x: Tensor,
  tables: RopeTables,
  wanted: readonly number[],
): Map<number, GroupInput> {
  return tidy(() => {
    const inputs = new Map<number, GroupInput>();
    const see = (group: number, rows: Tensor, residual?: Tensor) => {
      if (wanted.includes(group)) inputs.set(group, { rows, residual: residual?.alias() });
    };
    run(parts, x, tables, { tap: { last: Math.max(...wanted), see } });
    return inputs;
  });
}

function run(
  parts: BlockParts,
  x: Tensor,
  tables: RopeTables,
  { tap, attend }: { readonly tap?: Tap; readonly attend?: Attend | undefined },
): Tensor | undefined {
  const [windows, length, hidden] = x.shape as [number, number, number];
  const { inputRotation, residualBasis, outputMap, site, eps } = parts;
  let residual = x.reshape([windows * length, hidden]);
  if (inputRotation) residual = residual.matmul(inputRotation.transpose());
  if (residualBasis) residual = residual.matmul(residualBasis);

  const attentionInput = rmsNorm(residual, parts.attentionNorm, eps);
  tap?.see(0, attentionInput);
  if (tap?.last === 0) return undefined;
  const mixed = mixTokens(parts, attentionInput, tables, windows, attend);
  tap?.see(1, mixed, residual);
  if (tap?.last === 1) return undefined;
  residual = residual.add(linear(mixed, site("oProj")));

  const feedForwardInput = rmsNorm(residual, parts.feedForwardNorm, eps);
  tap?.see(2, feedForwardInput);
  if (tap?.last === 2) return undefined;
  const gated = tidy(() =>
    swiglu(linear(feedForwardInput, site("gateProj")), linear(feedForwardInput, site("upProj"))),
  );
  tap?.see(3, gated, residual);
  if (tap?.last === 3) return undefined;
  residual = residual.add(linear(gated, site("downProj")));
  if (residualBasis) residual = residual.matmul(residualBasis.transpose());
  if (outputMap) residual = residual.matmul(outputMap.transpose());
  return residual.reshape([windows, length, hidden]);
}

/** Attention of rows `[tokens, hidden]` up to the input of the output projection, `[tokens, heads · dim]`. */
function mixTokens(
  parts: BlockParts,
  rows: Tensor,
  tables: RopeTables,
  windows: number,
  attend: Attend = attention,
): Tensor {
  const { site, heads, headNorms, eps, attentionWindow: window } = parts;
  return tidy(() => {
    const length = rows.shape[0]! / windows;
    const { count, keyValueCount, dim } = heads;
    const project = (role: "qProj" | "kProj" | "vProj", headCount: number, gain?: Tensor) => {
      const y = linear(rows, site(role)).reshape([windows, length, headCount, dim]);
      return (gain ? rmsNorm(y, gain, eps) : y).transpose(1, 2);
    };
    const turn = (y: Tensor) => rope(y, tables.cosine, tables.sine);
    const q = turn(project("qProj", count, headNorms?.query));
    const k = turn(project("kProj", keyValueCount, headNorms?.key));
    const mixed = attend(q, k, project("vProj", keyValueCount), { window });
    return mixed.transpose(1, 2).reshape([windows * length, count * dim]);
  });
}

/** y = x·Wᵀ + b for rows x. */
export const linear = (x: Tensor, { weight, bias }: Layer): Tensor =>
  tidy(() => {
    const y = weight instanceof Sparse24Weight ? sparse24Matmul(x, weight) : x.matmul(weight.transpose());
    return bias ? y.add(bias) : y;
  });

/** Frees the handles of a remembered block; its basis and rotation are the block's own. */
export function releaseParts({ site, attentionNorm, feedForwardNorm }: BlockParts): void {
  for (const role of siteRoles) {
    const { weight, bias } = site(role);
    weight.dispose();
    bias?.dispose();
  }
  attentionNorm.dispose();
  feedForwardNorm.dispose();
}
