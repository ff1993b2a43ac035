import { ones } from "@denoise-rotator/core";
import { checkSite } from "./checks.js";
import { magnitudeImportance } from "./importances.js";
import type { Pruner } from "./pruner.js";

/** Keeps every weight, whatever the pattern: to rotate without pruning, and to measure the dense model the same way. */
export const none = (): Pruner => ({
  name: "none",
  importance: magnitudeImportance,
  updatesWeights: false,
  pattern: { kind: "unstructured", sparsity: 0 },
  async prune(site) {
    await checkSite(site, { kind: "unstructured", sparsity: 0 });
    const { shape, backend } = site.weight;
    return { weight: site.weight.mul(1), mask: ones(shape, { dtype: "bool", backend }) };
  },
});
