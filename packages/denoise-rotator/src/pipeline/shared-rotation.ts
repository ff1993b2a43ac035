import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { OptionError, type Tensor, tidy } from "@denoise-rotator/core";
import { calibrate, type Model } from "@denoise-rotator/models";
import {
  blockMetrics,
  denoiseShared,
  inputEnergy,
  metricsFromArrays,
  metricsToArrays,
  type ObjectiveReport,
  packProblem,
  type RotationArrays,
  resolveSettings,
  rotationToArrays,
  type SharedRotation,
} from "@denoise-rotator/rotator";
import type { RunContext } from "./context.js";
import { readMetrics, writeMetrics } from "./metric-files.js";
import { rotationSettings } from "./rotation-settings.js";

/** Rotations of every block, with one R1. */
export interface SharedRotations {
  readonly given: ReadonlyMap<number, RotationArrays>;
  /** Of the sum over the blocks; `null` where the rotations came from a file. */
  readonly objective: ObjectiveReport | null;
}

/**
 * One R1 for all blocks, R2 of each, in two passes before anything is pruned: statistics of the dense model, block by
 * block to disk under `directory`; then steps that go through the blocks, one at a time. Blocks that are skipped are turned
 * by R1, but nothing is learned from them. Notes what is found out about sites in `context.reports`.
 *
 * @throws OptionError where all blocks are skipped, given rotations do not share R1, or the model has bases between its
 *   blocks already.
 */
export async function sharedRotations(
  model: Model,
  windows: readonly Int32Array[],
  context: RunContext,
  directory: string,
): Promise<SharedRotations> {
  const { given, skip, blocks, measure, options } = context;
  if (model.config.rotated) {
    throw new OptionError(
      `--rotate shared: ${model.name} was rotated block by block before; give the checkpoint it was made from`,
    );
  }
  if (given) return { given: oneR1(given, options.rotation ?? ""), objective: null };
  const chosen = Array.from({ length: blocks }, (_, index) => index).filter((index) => !skip.block(index));
  if (chosen.length === 0) throw new OptionError("--rotate shared: --skip leaves no block to learn from");
  const folder = join(directory, "statistics");
  await mkdir(folder);
  try {
    using energy = await measure("statistics", () => gather(model, windows, context, folder));
    using rotation = await measure("rotate", () => learn(model, context, { folder, chosen, energy }));
    for (const [i, index] of chosen.entries()) context.reports.set(index, { sites: rotation.sites[i]! });
    return { given: await byBlock(rotation, chosen, blocks), objective: rotation.objective };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const siteWeightsOf = (context: RunContext) => resolveSettings(rotationSettings(context)).siteWeights;

/** Writes what learning needs of the dense blocks' statistics; returns the energy of their inputs. */
async function gather(
  model: Model,
  windows: readonly Int32Array[],
  context: RunContext,
  folder: string,
): Promise<Tensor> {
  const { rotationImportance, skip, signal, progress, blocks } = context;
  const siteWeights = siteWeightsOf(context);
  let energy: Tensor | undefined;
  try {
    for await (const block of calibrate(model, windows, signal ? { signal } : {})) {
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
      const before: Tensor | undefined = energy;
      energy = tidy(() => (before ? before.add(inputEnergy(block)) : inputEnergy(block)));
      before?.dispose();
    }
    return energy!;
  } catch (error) {
    energy?.dispose();
    throw error;
  }
}

function learn(
  model: Model,
  context: RunContext,
  { folder, chosen, energy }: { folder: string; chosen: readonly number[]; energy: Tensor },
): Promise<SharedRotation> {
  const { options, rotationImportance, progress, blocks } = context;
  const { config, device } = model;
  const placement = { dtype: "f32", backend: device } as const;
  const siteWeights = siteWeightsOf(context);
  const source = {
    count: chosen.length,
    hiddenSize: config.hiddenSize,
    heads: { count: config.headCount, keyValueCount: config.keyValueHeadCount, dim: config.headDim },
    placement,
    energy,
    async problem(i: number) {
      using block = await model.loadBlock(chosen[i]!);
      await block.foldNorms();
      const arrays = await readMetrics(folder, block.index);
      return packProblem(block, metricsFromArrays(arrays, rotationImportance, { ...placement, siteWeights }));
    },
  };
  return denoiseShared(source, {
    ...rotationSettings(context),
    onStep: ({ step, best }) =>
      progress({
        stage: "rotate",
        block: blocks,
        blocks,
        detail: `step ${step}/${options.steps}, ${options.objective} ${best.toPrecision(5)}`,
      }),
  });
}

async function byBlock(
  { R1, R2 }: SharedRotation,
  chosen: readonly number[],
  blocks: number,
): Promise<Map<number, RotationArrays>> {
  const shared = (await rotationToArrays({ R1, R2: R2[0]! })).R1;
  const own: RotationArrays["R2"][] = [];
  for (const each of R2) own.push((await rotationToArrays({ R1: each, R2: each })).R2);
  const none = identityOf(own[0]!.shape);
  return new Map(
    Array.from({ length: blocks }, (_, index) => {
      const at = chosen.indexOf(index);
      return [index, { R1: shared, R2: at < 0 ? none : own[at]! }];
    }),
  );
}

/** The identity of every key/value head. */
function identityOf(shape: readonly number[]): RotationArrays["R2"] {
  const [count, dim] = shape as [number, number];
  const data = new Float32Array(count * dim * dim);
  for (let head = 0; head < count; head++) for (let i = 0; i < dim; i++) data[(head * dim + i) * dim + i] = 1;
  return { shape, data };
}

/** Rotations from a file as they are, where all have the same R1. */
function oneR1(given: ReadonlyMap<number, RotationArrays>, file: string) {
  const [first, ...others] = given.values();
  const same = others.every(({ R1 }) => R1.data.every((value, i) => value === first!.R1.data[i]));
  if (same) return given;
  throw new OptionError(
    `--rotation ${file}: its blocks do not share R1, which --rotate shared needs; give a file saved with --rotate shared`,
  );
}
