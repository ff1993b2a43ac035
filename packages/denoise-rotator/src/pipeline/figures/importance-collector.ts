import type { LinearSite, SiteRole } from "@denoise-rotator/contracts";
import { type Tensor, toNumbers } from "@denoise-rotator/core";
import type { BeforeAfter, ImportanceObserver, SiteReport } from "@denoise-rotator/rotator";
import { type HeldImportance, heldShares, ImportanceCurves, sortedShares } from "./importance-curves.js";
import { corner, type Grid, type LevelMap, levelMap, partMeans } from "./level-map.js";

/** Parts that a pictured layer has in each direction, at most. */
const mostParts = 64;
/** Rows and columns of the window in which single weights are shown. */
const windowSize = [24, 48] as const;

/** One layer to look at: its importances without rotation and with it. Plain data. */
export interface ImportancePicture {
  readonly role: SiteRole;
  /** Importances relative to the mean, at `sortedShares` of the way from the most important weight to the least. */
  readonly sorted: HeldImportance;
  /** The whole layer, as means over equal parts. */
  readonly layer: LevelMap;
  /** Single weights: the first rows and columns. */
  readonly window: LevelMap;
}

/** What a rotation did to the importances of a block's sites. Plain data. */
export interface ImportanceFigures {
  /** By role: at `heldShares`. */
  readonly held: Readonly<Partial<Record<SiteRole, HeldImportance>>>;
  /** Of the layer whose entropy fell most in proportion; `null` of blocks that are not pictured. */
  readonly picture: ImportancePicture | null;
}

interface Seen {
  readonly curves: ImportanceCurves;
  readonly layer: Grid | undefined;
  readonly window: Grid | undefined;
}

/** The first, the middle and the last block of a model are pictured. */
export const isPictured = (block: number, blocks: number): boolean =>
  [0, Math.floor((blocks - 1) / 2), blocks - 1].includes(block);

/** Gathers what records keep of importances while `denoise` shows them. */
export class ImportanceCollector {
  readonly #pictured: boolean;
  readonly #seen = { before: new Map<SiteRole, Seen>(), after: new Map<SiteRole, Seen>() };

  constructor(pictured: boolean) {
    this.#pictured = pictured;
  }

  readonly observe: ImportanceObserver = async (moment, role, S) => {
    const shape = S.shape as unknown as readonly [number, number];
    const values = await toNumbers(S);
    this.#seen[moment].set(role, {
      curves: new ImportanceCurves(values),
      layer: this.#pictured ? partMeans(values, shape, mostParts) : undefined,
      window: this.#pictured ? corner(values, shape, windowSize) : undefined,
    });
  };

  /** What was seen; `sites` are what `denoise` reported of them. */
  figures(sites: readonly SiteReport[]): ImportanceFigures {
    const held = sites.map(({ role }) => {
      const { before, after } = this.#both(role);
      return [role, { before: before.curves.held(heldShares), after: after.curves.held(heldShares) }];
    });
    return { held: Object.fromEntries(held), picture: this.#pictured ? this.#picture(sites) : null };
  }

  #both(role: SiteRole): Record<keyof BeforeAfter, Seen> {
    return { before: this.#seen.before.get(role)!, after: this.#seen.after.get(role)! };
  }

  #picture(sites: readonly SiteReport[]): ImportancePicture {
    const fall = ({ entropy: { before, after } }: SiteReport) => (before > 0 ? (before - after) / before : 0);
    const { role } = sites.reduce((best, site) => (fall(site) > fall(best) ? site : best));
    const { before, after } = this.#both(role);
    const { mean } = before.curves;
    return {
      role,
      sorted: {
        before: before.curves.sorted(sortedShares, mean),
        after: after.curves.sorted(sortedShares, mean),
      },
      layer: levelMap(before.layer!, after.layer!, mean),
      window: levelMap(before.window!, after.window!, mean),
    };
  }
}

/** Which weights of the window are left in a pruned site: rows of digits, 1 where one is. */
export async function keptWindow({ weight }: LinearSite): Promise<string[]> {
  const [rows, columns] = windowSize.map((most, axis) => Math.min(most, weight.shape[axis]!)) as [
    number,
    number,
  ];
  using part: Tensor = weight.slice([0, rows], [0, columns]);
  const values = await toNumbers(part);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => (values[row * columns + column] === 0 ? "0" : "1")).join(
      "",
    ),
  );
}
