import type { WeightDType } from "@denoise-rotator/checkpoint";
import { type Backend, fromTyped, ones, rmsNorm, type Tensor, tidy, toNumbers } from "@denoise-rotator/core";
import { calibrate, type LoadedBlock, type Model } from "@denoise-rotator/models";
import { createPruner, pruneBlock, reconstructBlock, transport } from "@denoise-rotator/pruners";
import { absorb, denoise } from "@denoise-rotator/rotator";

/** What is done to every block after its rotation. */
export interface PrunerPath {
  readonly pruner: string;
  readonly pattern: string;
  readonly match?: boolean;
  readonly transport?: boolean;
  readonly reconstruct?: boolean;
}

export interface RotatedRun {
  /** Largest relative change of a block's outputs by absorbing its rotation. */
  readonly invarianceError: number;
  /** Logits of the calibration windows as they follow from the last block in memory. */
  readonly logits: ArrayLike<number>;
}

/** Rotates and prunes every block of a model and writes it to `out`. The same bytes every time on the cpu backend. */
export async function rotateModel(
  model: Model,
  windows: readonly Int32Array[],
  out: string,
  path: PrunerPath,
  dtype?: WeightDType,
): Promise<RotatedRun> {
  const { pattern } = path;
  const pruner = createPruner(path.pruner);
  const dense = path.match || path.transport || path.reconstruct || false;
  let largest = 0;
  let logits: ArrayLike<number> = [];
  for await (const block of calibrate(model, windows, {
    out,
    rotated: true,
    dense,
    ...(dtype ? { dtype } : {}),
  })) {
    await block.foldNorms();
    await block.capture();
    using rotation = await denoise(block, { importance: pruner.importance, pattern, steps: 4 });
    const { invarianceError } = await absorb(block, rotation);
    largest = Math.max(largest, invarianceError!);
    if (dense) block.trackDense();
    if (path.pruner !== "none") await pruneBlock(block, pruner, { pattern, match: path.match ?? false });
    if (path.transport) await transport(block);
    if (path.reconstruct) await reconstructBlock(block, { steps: 3, outputMap: path.transport ?? false });
    if (block.isLast) logits = await logitsThrough(block, model);
  }
  return { invarianceError: largest, logits };
}

/** Final norm, the block's output map and the source's head after the last block's outputs. */
async function logitsThrough(block: LoadedBlock, model: Model): Promise<ArrayLike<number>> {
  const { family, config, device } = model;
  using gain = await load(model, family.finalNorm, device);
  using head = await load(model, config.tieWordEmbeddings ? family.embedding : family.head, device);
  using x = block.inputs!.uploadWindows(device);
  using y = block.forward(x);
  using logits = tidy(() => {
    const rows = y.reshape([block.inputs!.tokens, block.hiddenSize]);
    const unit = rmsNorm(rows, ones([block.hiddenSize], { backend: device }), config.rmsNormEps);
    const mapped = block.outputMap ? unit.matmul(block.outputMap.transpose()) : unit;
    return mapped.mul(gain).matmul(head.transpose());
  });
  return toNumbers(logits);
}

async function load({ checkpoint }: Model, name: string, device: Backend): Promise<Tensor> {
  return fromTyped(await checkpoint.readFloat32(name), checkpoint.shape(name), "f32", device);
}
