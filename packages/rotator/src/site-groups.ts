import type { SiteRole } from "@denoise-rotator/contracts";
import { entropy, type Tensor, tidy, where } from "@denoise-rotator/core";

/** Over which groups a site's importances `[out, in]` are normalised: its rows, its columns, or both. */
export function groupsOf(role: SiteRole): { readonly rows: boolean; readonly columns: boolean } {
  const both = role === "vProj" || role === "oProj";
  return { rows: role !== "downProj", columns: both || role === "downProj" };
}

/** Summed entropies, in nats, of the groups of S `[out, in]` that belong to `role`. Shape `[]`. */
export function siteEntropy(S: Tensor, role: SiteRole): Tensor {
  const groups = groupsOf(role);
  return tidy(() => {
    const sums = [
      ...(groups.rows ? [groupEntropies(S, 1).sum()] : []),
      ...(groups.columns ? [groupEntropies(S, 0).sum()] : []),
    ];
    return sums.reduce((a, b) => a.add(b));
  });
}

/** Entropy of each group along `axis`; 0 for a group of zeros. */
const groupEntropies = (S: Tensor, axis: 0 | 1): Tensor =>
  tidy(() => where(S.sum({ axis }).equal(0), 0, entropy(S, { axis })));
