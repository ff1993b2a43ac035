import { type Importance, parsePattern } from "@denoise-rotator/contracts";
import { tidy, where } from "@denoise-rotator/core";
import { checkSite, finiteStatistics } from "./checks.js";
import { magnitudeImportance, wandaImportance } from "./importances.js";
import { type ComparisonGroup, keepLargest } from "./masks.js";
import { defaultPattern, type Pruner, type PrunerOptions } from "./pruner.js";

/** A pruner that removes what is least important and leaves the rest as it is. */
function scorePruner(importance: Importance, group: ComparisonGroup, options: PrunerOptions): Pruner {
  return {
    name: importance.name,
    importance,
    updatesWeights: false,
    pattern: parsePattern(options.pattern ?? defaultPattern),
    async prune(site, pattern) {
      await checkSite(site, pattern);
      if (importance.columnScale !== "one") await finiteStatistics(site);
      using scores = await importance.of(site);
      const { weight } = site;
      return tidy(() => {
        const mask = keepLargest(scores, pattern, group);
        return { weight: where(mask, weight, 0), mask };
      });
    },
  };
}

/** Smallest |W| first; an unstructured share is taken of the whole matrix. Needs no statistics. */
export const magnitude = (options: PrunerOptions = {}): Pruner =>
  scorePruner(magnitudeImportance, "matrix", options);

/** Smallest |W_ij|·‖X_j‖ first; an unstructured share is taken of each row (Sun et al., arXiv 2306.11695). */
export const wanda = (options: PrunerOptions = {}): Pruner => scorePruner(wandaImportance, "row", options);
