import {
  checkPatternFits,
  type ReadonlySite,
  requireStatistics,
  type SiteStatistics,
  type SparsityPattern,
} from "@denoise-rotator/contracts";
import { assertFinite } from "@denoise-rotator/core";

/** The pattern fits the site and its weight is finite; else an error naming the site. */
export async function checkSite(site: ReadonlySite, pattern: SparsityPattern): Promise<void> {
  checkPatternFits(pattern, site.weight.shape as readonly [number, number], site.name);
  await assertFinite(site.weight, `${site.name}: the weight`);
}

/** The site's statistics, there and finite; else an error naming the site. */
export async function finiteStatistics(
  site: Pick<ReadonlySite, "name" | "statistics">,
): Promise<SiteStatistics> {
  const statistics = requireStatistics(site);
  await assertFinite(statistics.gram, `${site.name}: H = X·Xᵀ of the calibration inputs`);
  return statistics;
}
