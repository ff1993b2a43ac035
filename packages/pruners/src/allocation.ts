import type { ReadonlySite } from "@denoise-rotator/contracts";
import { item, NonFiniteError, OptionError, tidy, toNumbers } from "@denoise-rotator/core";
import { checkSite, finiteStatistics } from "./checks.js";

/** How much of each layer may go where an unstructured share is spread unevenly. */
export interface AllocationBounds {
  /** Least and most of a layer; default 0.25 and 0.75, moved apart where the target lies outside. */
  readonly least?: number;
  readonly most?: number;
}

/** A layer as allocation sees it. */
export interface AllocationSite {
  readonly name: string;
  /** Number of weights. */
  readonly size: number;
  readonly profile: ScoreProfile;
  /** What a relative output error of this layer costs, in any unit; default 1. */
  readonly sensitivity?: number;
}

/** The distribution of a layer's importances: ln of evenly spaced quantiles, ascending, −∞ for zero. */
export type ScoreProfile = Float64Array;

/** Weights that a profile looks at, at most. */
const sampled = 2 ** 20;
const quantiles = 1025;

/**
 * The distribution of W_ij²·H_jj / tr(W·H·Wᵀ) over a layer: what removing a weight adds to the relative output error, if
 * errors of different weights add up. Of large layers every k-th weight, so that a million are looked at.
 *
 * @throws NonFiniteError or OptionError naming the site: NaN or infinity, missing statistics.
 */
export async function scoreProfile(site: ReadonlySite): Promise<ScoreProfile> {
  await checkSite(site, { kind: "unstructured", sparsity: 0 });
  const { gram } = await finiteStatistics(site);
  const { weight } = site;
  using energy = tidy(() => weight.matmul(gram).mul(weight).sum());
  const whole = await item(energy);
  if (!Number.isFinite(whole))
    throw new NonFiniteError(`${site.name}: the energy of its outputs is ${whole}`);
  using scores = tidy(() => weight.square().mul(gram.diagonal()));
  const values = await toNumbers(scores);
  const stride = Math.ceil(values.length / sampled);
  const sample = Float64Array.from(
    { length: Math.ceil(values.length / stride) },
    (_, i) => values[i * stride]!,
  );
  sample.sort();
  return Float64Array.from({ length: quantiles }, (_, q) => {
    const at = Math.round((q / (quantiles - 1)) * (sample.length - 1));
    return whole > 0 ? Math.log(sample[at]! / whole) : Number.NEGATIVE_INFINITY;
  });
}

/**
 * The share of each layer that goes where all weights compete with their scores times the layer's sensitivity: one
 * threshold for all layers, found such that `target` of all weights lie below it, each layer within the bounds. The
 * shares, weighted by size, meet the target to rounding.
 *
 * @throws OptionError for a target or bounds outside [0, 1), and sensitivities that are not positive.
 */
export function allocateSparsity(
  sites: readonly AllocationSite[],
  target: number,
  bounds: AllocationBounds = {},
): Map<string, number> {
  const least = Math.min(bounds.least ?? 0.25, target);
  const most = Math.max(bounds.most ?? 0.75, target);
  checkAllocation(sites, target, least, most);
  const total = sites.reduce((sum, { size }) => sum + size, 0);
  const shares = (threshold: number) =>
    sites.map(({ profile, sensitivity = 1 }) =>
      Math.min(most, Math.max(least, shareBelow(profile, threshold - Math.log(sensitivity)))),
    );
  const mean = (values: readonly number[]) =>
    values.reduce((sum, share, i) => sum + share * sites[i]!.size, 0) / Math.max(1, total);
  let [low, high] = thresholdRange(sites);
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    if (mean(shares(middle)) > target) high = middle;
    else low = middle;
  }
  // Below every finite score lie the zeros, which no threshold tells apart.
  const zerosSuffice = mean(shares(low)) > target;
  const below = zerosSuffice ? sites.map(() => least) : shares(low);
  const found = meetTarget(below, shares(zerosSuffice ? low : high), mean, target);
  return new Map(sites.map(({ name }, i) => [name, found[i]!]));
}

/** Between two neighbouring thresholds the shares on the line that meets the target: a jump is split. */
function meetTarget(
  below: readonly number[],
  above: readonly number[],
  mean: (values: readonly number[]) => number,
  target: number,
): number[] {
  const [from, to] = [mean(below), mean(above)];
  const part = to > from ? Math.min(1, Math.max(0, (target - from) / (to - from))) : 0;
  return below.map((share, i) => share + part * (above[i]! - share));
}

/** Share of a layer's weights whose ln score is below `threshold`, between quantiles on a line. */
function shareBelow(profile: ScoreProfile, threshold: number): number {
  let [low, high] = [0, profile.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (profile[middle]! < threshold) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return 0;
  if (low === profile.length) return 1;
  const [before, after] = [profile[low - 1]!, profile[low]!];
  const part = Number.isFinite(before) ? (threshold - before) / (after - before) : 1;
  return (low - 1 + part) / (profile.length - 1);
}

/** Thresholds below and above all finite scores. */
function thresholdRange(sites: readonly AllocationSite[]): [number, number] {
  let [low, high] = [0, 0];
  for (const { profile, sensitivity = 1 } of sites) {
    for (const score of profile) {
      if (!Number.isFinite(score)) continue;
      low = Math.min(low, score + Math.log(sensitivity));
      high = Math.max(high, score + Math.log(sensitivity));
    }
  }
  return [low - 1, high + 1];
}

function checkAllocation(
  sites: readonly AllocationSite[],
  target: number,
  least: number,
  most: number,
): void {
  if (!(target >= 0 && target < 1)) throw new OptionError(`allocation: target ${target}, a share in [0, 1)`);
  if (!(least >= 0 && most < 1))
    throw new OptionError(`allocation: bounds ${least} … ${most}, within [0, 1)`);
  for (const { name, sensitivity = 1 } of sites) {
    if (!(sensitivity > 0 && Number.isFinite(sensitivity))) {
      throw new OptionError(`${name}: sensitivity ${sensitivity}, a positive number`);
    }
  }
}
