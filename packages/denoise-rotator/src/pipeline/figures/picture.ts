import type { SiteRole } from "@denoise-rotator/contracts";
import type { BlockContext } from "../context.js";
import { isPictured, keptWindow } from "./importance-collector.js";
import type { HeldImportance } from "./importance-curves.js";
import type { LevelMap } from "./level-map.js";

/** One layer to look at; the window is its first rows and columns. */
export interface PictureRecord {
  readonly name: string;
  readonly role: SiteRole;
  /** `[out, in]`. */
  readonly shape: readonly [number, number];
  /** What was seen while its rotation was learned: the layer whose entropy fell most; `null` where none was learned. */
  readonly importance: {
    /**
     * Importances relative to the mean without rotation, at even steps from the most important weight (0) to the least
     * (1): the first entry is of the former.
     */
    readonly sorted: HeldImportance;
    /** The whole layer, as means over equal parts. */
    readonly layer: LevelMap;
    /** Single weights. */
    readonly window: LevelMap;
  } | null;
  /** Which weights of the window are left: rows of digits, 1 where one is; `null` where the layer was not pruned. */
  readonly kept: readonly string[] | null;
}

/** The picture of a finished block, if it is one that has one. */
export async function pictureOf({
  block,
  blocks,
  importances,
  sites,
}: BlockContext): Promise<PictureRecord | null> {
  if (!isPictured(block.index, blocks)) return null;
  const seen = importances?.picture;
  const role = seen?.role ?? sites[0]?.role;
  const site = block.sites.find((candidate) => candidate.role === role);
  if (!site) return null;
  const pruned = sites.some((record) => record.role === role);
  return {
    name: site.name,
    role: site.role,
    shape: [site.weight.shape[0]!, site.weight.shape[1]!],
    importance: seen ? { sorted: seen.sorted, layer: seen.layer, window: seen.window } : null,
    kept: pruned ? await keptWindow(site) : null,
  };
}
