import { join } from "node:path";
import { fromTyped, type Tensor, toNumbers } from "@denoise-rotator/core";
import { calibrate, type Model } from "@denoise-rotator/models";
import {
  blockMetrics,
  inputEnergy,
  metricsToArrays,
  type NamedArray,
  resolveSettings,
} from "@denoise-rotator/rotator";
import type { RunContext } from "./context.js";
import { readArrays, writeArrays, writeMetrics } from "./metric-files.js";
import { rotationSettings } from "./rotation-settings.js";

export const siteWeightsOf = (context: RunContext) => resolveSettings(rotationSettings(context)).siteWeights;

const energyFile = (folder: string, block: number) => join(folder, `energy-${block}.safetensors`);

/** Writes what learning needs of the dense blocks: their statistics and the energy of their inputs. */
export async function gather(
  model: Model,
  windows: readonly Int32Array[],
  context: RunContext,
  folder: string,
): Promise<void> {
  const { rotationImportance, skip, signal, progress, blocks } = context;
  const siteWeights = siteWeightsOf(context);
  const pass = await context.state.pass("statistics");
  if (pass?.next === blocks) return;
  const options = { ...(signal ? { signal } : {}), ...(pass ? { state: pass } : {}) };
  for await (const block of calibrate(model, windows, options)) {
    if (skip.block(block.index)) continue;
    progress({ stage: "statistics", block: block.index + 1, blocks });
    await block.foldNorms();
    await block.capture();
    const metrics = await blockMetrics(block, rotationImportance, { siteWeights });
    try {
      await writeMetrics(folder, block.index, await metricsToArrays(metrics));
    } finally {
      metrics.dispose();
    }
    using energy = inputEnergy(block);
    await writeArrays(energyFile(folder, block.index), { energy: await arrayOf(energy) });
  }
}

export const arrayOf = async (x: Tensor): Promise<NamedArray> => ({
  shape: [...x.shape],
  data: Float32Array.from(await toNumbers(x)),
});

/** Σ over blocks of the energies that {@link gather} wrote. The caller disposes. */
export async function energyOf(
  folder: string,
  chosen: readonly number[],
  { device }: Model,
): Promise<Tensor> {
  let sum: Tensor | undefined;
  for (const index of chosen) {
    const { energy } = await readArrays(energyFile(folder, index));
    using own = fromTyped(energy!.data, energy!.shape, "f32", device);
    const before: Tensor | undefined = sum;
    sum = before ? before.add(own) : own.alias();
    before?.dispose();
  }
  return sum!;
}
