import type { SparsityPattern } from "@denoise-rotator/contracts";
import type { Model } from "@denoise-rotator/models";
import { createPruner, type Pruner } from "@denoise-rotator/pruners";
import { borrowBackend } from "../backends.js";
import { fetchOptions } from "../fetch-options.js";
import { openNamedModel } from "../named-model.js";
import { type PruneOptions, type ResolvedOptions, resolveOptions, sameImportance } from "../options.js";
import { type MemoryPlan, type PlanOptions, planMemory } from "./memory-plan.js";

/** What the budget of a `prune` run depends on. */
export interface RunToPlan extends Pick<PruneOptions, "memory" | "evaluate"> {
  readonly options: ResolvedOptions;
  readonly pattern: SparsityPattern;
  readonly pruner: Pruner;
}

/** The budget of a `prune` run, from the headers of the model alone. */
export async function planPrune(request: PruneOptions): Promise<MemoryPlan> {
  const backend = await borrowBackend(request.backend ?? "wasm", request);
  try {
    await using model = await openNamedModel(request.model, backend.device, fetchOptions(request));
    const { pruner: wanted = "sparsegpt" } = request;
    const pruner = typeof wanted === "object" ? wanted : createPruner(wanted, {});
    const { pattern, ...options } = resolveOptions(request, pruner, model.contextLength);
    return planMemory(model, planOfRun(model, { ...request, options, pattern, pruner }));
  } finally {
    await backend.dispose();
  }
}

export function planOfRun(model: Model, run: RunToPlan): PlanOptions {
  const { options, pruner, pattern } = run;
  const { sequenceLength: windowLength, rotate, match, transport, rotationImportance: named } = options;
  const importance = named === sameImportance ? pruner.importance : createPruner(named, {}).importance;
  return {
    memory: run.memory,
    activations: options.activations,
    batchWindows: model.batchWindows(windowLength),
    windowLength,
    windows: options.samples,
    rotate,
    columnScale: importance.columnScale ?? "inverseDiagonal",
    prunes: pruner.name !== "none",
    packs: model.sparse && pattern.kind === "n:m" && pattern.keep === 2 && pattern.of === 4,
    keepsStatistics: options.allocation !== "uniform",
    factors: pruner.updatesWeights,
    match,
    refine: options.refine !== "none",
    transport,
    reconstruct: options.reconstruct > 0,
    evaluationWindows: run.evaluate ? options.evaluationWindows : 0,
    writes: true,
  };
}

/** An evaluation alone. */
export function planOfEvaluation(
  model: Model,
  given: Pick<PlanOptions, "memory" | "activations" | "windowLength"> & { readonly windows: number },
): PlanOptions {
  return {
    ...given,
    batchWindows: model.batchWindows(given.windowLength),
    evaluationWindows: given.windows,
    rotate: "none",
    columnScale: "one",
    prunes: false,
    packs: false,
    keepsStatistics: false,
    factors: false,
    match: false,
    refine: false,
    transport: false,
    reconstruct: false,
    writes: false,
  };
}
