import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Model } from "@denoise-rotator/models";
import { openNamedModel } from "./named-model.js";
import type { PruneOptions, ResolvedOptions } from "./options.js";

/** The pruner as published: what rotated runs are compared with. */
const asPublished = {
  rotate: "none",
  quality: "fast",
  refine: "none",
  match: false,
  transport: false,
  reconstruct: 0,
  allocation: "uniform",
} as const;

/** Whether a run is the pruner as published already. */
export const isPlain = (options: ResolvedOptions): boolean =>
  (Object.keys(asPublished) as (keyof typeof asPublished)[]).every(
    (key) => key === "quality" || options[key] === asPublished[key],
  );

/**
 * The same model pruned by the same pruner as published, on the same calibration text, and evaluated. `prune` is
 * `pruneModel`; its result goes to a directory that is gone afterwards.
 */
export async function plainBaseline<T>(
  request: PruneOptions,
  { options, model, prune, evaluate }: PlainSurroundings<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "denoise-rotator-plain-"));
  try {
    const out = join(folder, "pruned");
    await prune({
      ...asPublished,
      model: request.model,
      ...(request.pruner === undefined ? {} : { pruner: request.pruner }),
      sparsity: options.sparsity,
      skip: options.skip,
      calibration: options.calibration,
      samples: options.samples,
      sequenceLength: options.sequenceLength,
      ...(options.seed === null ? {} : { seed: options.seed }),
      backend: model.device,
      out,
      ...(request.onProgress ? { onProgress: request.onProgress } : {}),
      ...(request.signal ? { signal: request.signal } : {}),
    });
    await using written = await openNamedModel(out, model.device);
    return await evaluate(written);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface PlainSurroundings<T> {
  readonly options: ResolvedOptions;
  /** The dense model; the baseline runs on its device. */
  readonly model: Model;
  readonly prune: (request: PruneOptions) => Promise<unknown>;
  readonly evaluate: (model: Model) => Promise<T>;
}
