import type {
  DecoderBlock,
  LinearSite,
  RotationPair,
  SiteRole,
  SiteStatistics,
} from "@denoise-rotator/contracts";
import { copyInto, type Tensor, tidy, zeros } from "@denoise-rotator/core";

/** R2 of every head on the diagonal, each `repeats` times: `[n·repeats·dim, n·repeats·dim]` from `[n, dim, dim]`. */
export function blockDiagonal(R2: Tensor, repeats: number): Tensor {
  const [n, dim] = R2.shape as [number, number, number];
  return tidy(() => {
    const size = n * repeats * dim;
    const out = zeros([size, size], { dtype: R2.dtype, backend: R2.backend });
    for (let head = 0; head < n * repeats; head++) {
      const range = [head * dim, (head + 1) * dim] as const;
      copyInto(
        out.slice(range, range),
        R2.slice([Math.floor(head / repeats), Math.floor(head / repeats) + 1]).squeeze(0),
      );
    }
    return out;
  });
}

/**
 * Turns weights, biases and statistics of a block's sites in place (nothing is verified here, and the residual basis is
 * left alone): q, k, gate, up ← W·R1; v ← R2ᵀ·W·R1; o ← R1ᵀ·W·R2; down ← R1ᵀ·W; biases by the factor on the left; H of
 * what a site reads by the factor on the right, off-diagonal blocks included. Shared statistics stay shared.
 */
export function rotateSites(block: DecoderBlock, { R1, R2 }: RotationPair): void {
  const { count, keyValueCount } = block.heads;
  using valueHeads = blockDiagonal(R2, 1);
  using outputHeads = blockDiagonal(R2, count / keyValueCount);
  const factors: Record<SiteRole, { left?: Tensor; right?: Tensor }> = {
    qProj: { right: R1 },
    kProj: { right: R1 },
    vProj: { left: valueHeads, right: R1 },
    oProj: { left: R1, right: outputHeads },
    gateProj: { right: R1 },
    upProj: { right: R1 },
    downProj: { left: R1 },
  };
  const turned = new Map<Tensor, SiteStatistics>();
  for (const site of block.sites) {
    const { left, right } = factors[site.role];
    rotateWeight(site, left, right);
    if (right) rotateStatistics(site, right, turned);
  }
}

function rotateWeight(site: LinearSite, left: Tensor | undefined, right: Tensor | undefined): void {
  const { weight, bias } = site;
  site.setWeight(
    tidy(() => {
      const turned = right ? weight.matmul(right) : weight;
      return left ? left.transpose().matmul(turned) : turned;
    }),
  );
  if (left && bias) site.setBias(tidy(() => left.transpose().matmul(bias.unsqueeze(1)).squeeze(1)));
}

function rotateStatistics(site: LinearSite, R: Tensor, turned: Map<Tensor, SiteStatistics>): void {
  const old = site.statistics;
  if (!old) return;
  const known = turned.get(old.gram) ?? {
    gram: tidy(() => {
      const product = R.transpose().matmul(old.gram.matmul(R));
      return product.add(product.transpose()).mul(0.5);
    }),
    tokens: old.tokens,
  };
  turned.set(old.gram, known);
  site.setStatistics(known);
}
