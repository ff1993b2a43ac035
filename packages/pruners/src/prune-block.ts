import {
  type DecoderBlock,
  type LinearSite,
  requireStatistics,
  type SiteRole,
  siteOf,
} from "@denoise-rotator/contracts";
import { OptionError } from "@denoise-rotator/core";
import { type PruneSiteOptions, type PruneStep, pruneSite, type SiteReport } from "./prune-site.js";
import type { Pruner, PrunerOptions } from "./pruner.js";
import { SharedWork } from "./shared-work.js";

export interface PruneBlockOptions extends Omit<PruneSiteOptions, "shared" | "last" | "measure"> {
  /** Sites left dense: their roles, or a test of the site. */
  readonly skip?: readonly SiteRole[] | ((site: LinearSite) => boolean);
  /** The pattern of a site, in place of `pattern`; `undefined`: as the others. */
  readonly patternOf?: (site: LinearSite) => PrunerOptions["pattern"];
  /** Called after each site. */
  readonly onSite?: (report: MeasuredSiteReport) => void;
  /**
   * Whether H is captured anew before each group, so that a group is pruned for the inputs that the pruned groups
   * before it produce ("true-sequential"). Default true; `false` takes the statistics that are there.
   */
  readonly capture?: boolean;
  /** Frees the statistics of a group once it is pruned. Default false. */
  readonly releaseStatistics?: boolean;
  /** Wraps each step of the work, to take its time. */
  readonly measure?: <T>(step: PruneBlockStep, body: () => Promise<T>) => Promise<T>;
}

/** Parts of pruning a block that can be measured apart. */
export type PruneBlockStep = PruneStep | "capture";

/** As {@link SiteReport}, with statistics at hand. */
export interface MeasuredSiteReport extends SiteReport {
  readonly error: number;
}

/** What pruning did to one block. */
export interface BlockReport {
  /** The block's name. */
  readonly name: string;
  /** The pruner's name. */
  readonly pruner: string;
  /** Pruned sites in the order they were pruned. */
  readonly sites: readonly MeasuredSiteReport[];
  /** Names of the sites left dense. */
  readonly skipped: readonly string[];
  /** Share of the weights of all sites, skipped ones too, that was pruned. */
  readonly sparsity: number;
}

/**
 * Prunes a block group by group in the order of `block.groups`; the sites of a group share what depends on H alone.
 *
 * Every site needs statistics: they measure the error. With `match` the block tracks the dense one from here on.
 *
 * @throws what {@link pruneSite} throws; the groups before the failing site are pruned by then.
 */
export async function pruneBlock(
  block: DecoderBlock,
  pruner: Pruner,
  options: PruneBlockOptions = {},
): Promise<BlockReport> {
  const { skip = [], capture = true, releaseStatistics = false, onSite, patternOf, ...rest } = options;
  const { measure = (_, body) => body() } = options;
  const isSkipped = typeof skip === "function" ? skip : ({ role }: LinearSite) => skip.includes(role);
  if (options.match && capture) trackDense(block);
  const sites: MeasuredSiteReport[] = [];
  for (const group of block.groups) {
    const chosen = group.map((role) => siteOf(block, role)).filter((site) => !isSkipped(site));
    if (chosen.length === 0) continue;
    if (capture) await measure("capture", () => block.capture(group));
    const shared = new SharedWork();
    try {
      for (const site of chosen) {
        requireStatistics(site);
        const own = patternOf?.(site);
        const pattern = own === undefined ? {} : { pattern: own };
        const last = site === chosen.at(-1);
        const pruned = await pruneSite(site, pruner, { ...rest, ...pattern, shared, last });
        const report = { ...pruned, error: pruned.error! }; // measured, as there are statistics
        sites.push(report);
        onSite?.(report);
      }
    } finally {
      await shared.dispose();
    }
    if (releaseStatistics) for (const role of group) siteOf(block, role).setStatistics(undefined);
  }
  const done = new Set(sites.map(({ name }) => name));
  const total = block.sites.reduce((sum, { weight }) => sum + weight.size, 0);
  return {
    name: block.name,
    pruner: pruner.name,
    sites,
    skipped: block.sites.map(({ name }) => name).filter((name) => !done.has(name)),
    sparsity: total === 0 ? 0 : sites.reduce((sum, { pruned }) => sum + pruned, 0) / total,
  };
}

function trackDense(block: DecoderBlock): void {
  if (!block.trackDense) throw new OptionError(`${block.name} cannot be matched: it has no trackDense()`);
  block.trackDense();
}
