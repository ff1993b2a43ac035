import { mkdir, rm } from "node:fs/promises";
import { OptionError } from "@denoise-rotator/core";
import type { Model } from "@denoise-rotator/models";
import {
  denoiseShared,
  metricsFromArrays,
  type NamedArray,
  type ObjectiveReport,
  packProblem,
  type RotationArrays,
  type SharedRotation,
} from "@denoise-rotator/rotator";
import type { RunContext } from "./context.js";
import { ImportanceCollector, isPictured } from "./figures/importance-collector.js";
import { readArrays, readMetrics, writeArrays } from "./metric-files.js";
import { type SolverCheckpoint, solverCheckpoint } from "./resume/solver-checkpoint.js";
import { rotationSettings } from "./rotation-settings.js";
import { arrayOf, energyOf, gather, siteWeightsOf } from "./shared-statistics.js";

/** Rotations of every block, with one R1. */
export interface SharedRotations {
  readonly given: ReadonlyMap<number, RotationArrays>;
  /** Of the sum over the blocks; `null` where the rotations came from a file. */
  readonly objective: ObjectiveReport | null;
}

/**
 * One R1 for all blocks, R2 of each, in two passes before anything is pruned: statistics of the dense model, block by
 * block to disk; then steps that go through the blocks, one at a time. Both go on where an earlier attempt ended. Blocks that
 * are skipped are turned by R1, but nothing is learned from them. Notes what is found out about sites in `context.reports`.
 *
 * @throws OptionError where all blocks are skipped, given rotations do not share R1, or the model has bases between its
 *   blocks already.
 */
export async function sharedRotations(
  model: Model,
  windows: readonly Int32Array[],
  context: RunContext,
): Promise<SharedRotations> {
  const { given, skip, blocks, measure, options, state } = context;
  if (model.config.rotated) {
    throw new OptionError(
      `--rotate shared: ${model.name} was rotated block by block before; give the checkpoint it was made from`,
    );
  }
  if (given) return { given: oneR1(given, options.rotation ?? ""), objective: null };
  const chosen = Array.from({ length: blocks }, (_, index) => index).filter((index) => !skip.block(index));
  if (chosen.length === 0) throw new OptionError("--rotate shared: --skip leaves no block to learn from");
  const result = state.path("shared.safetensors");
  if (!state.last("shared")) {
    const folder = state.path("statistics");
    await mkdir(folder, { recursive: true });
    await measure("statistics", () => gather(model, windows, context, folder));
    const checkpoint = await solverCheckpoint(state, "shared-solver");
    const collectors = chosen.map((index) => new ImportanceCollector(isPictured(index, blocks)));
    const from = { folder, chosen, checkpoint, collectors };
    using rotation = await measure("rotate", () => learn(model, context, from));
    await writeArrays(result, await sharedArrays(rotation));
    const reports = chosen.map((index, i) => {
      const sites = rotation.sites[i]!;
      return [index, { sites, importances: collectors[i]!.figures(sites) }] as const;
    });
    await state.remember({ kind: "shared", objective: rotation.objective, reports });
    await rm(folder, { recursive: true, force: true });
    await checkpoint?.remove();
  }
  const { objective, reports } = state.last("shared")!;
  for (const [index, report] of reports) context.reports.set(index, report);
  return { given: byBlock(await readArrays(result), chosen, blocks), objective };
}

/** What the statistics left, and how far an earlier attempt came. */
interface LearnFrom {
  readonly folder: string;
  readonly chosen: readonly number[];
  readonly checkpoint: SolverCheckpoint | undefined;
  /** Of each chosen block. */
  readonly collectors: readonly ImportanceCollector[];
}

async function learn(
  model: Model,
  context: RunContext,
  { folder, chosen, checkpoint, collectors }: LearnFrom,
): Promise<SharedRotation> {
  const { options, rotationImportance, progress, blocks } = context;
  const { config, device } = model;
  const placement = { dtype: "f32", backend: device } as const;
  const siteWeights = siteWeightsOf(context);
  using energy = await energyOf(folder, chosen, model);
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
  return await denoiseShared(source, {
    ...rotationSettings(context),
    onImportances: (moment, role, importances, i) =>
      context.measure("rotate: figures", () => collectors[i]!.observe(moment, role, importances)),
    ...(checkpoint?.resume ? { resume: checkpoint.resume } : {}),
    onStep: async (info) => {
      progress({
        stage: "rotate",
        block: blocks,
        blocks,
        detail: `step ${info.step}/${options.steps}, ${options.objective} ${info.best.toPrecision(5)}`,
      });
      await checkpoint?.save(info);
    },
  });
}

/** R1, and as `R2.<i>` those of the blocks that it was learned from, in their order. */
async function sharedArrays({ R1, R2 }: SharedRotation): Promise<Record<string, NamedArray>> {
  const arrays: Record<string, NamedArray> = { R1: await arrayOf(R1) };
  for (const [i, each] of R2.entries()) arrays[`R2.${i}`] = await arrayOf(each);
  return arrays;
}

function byBlock(
  arrays: Readonly<Record<string, NamedArray>>,
  chosen: readonly number[],
  blocks: number,
): Map<number, RotationArrays> {
  const none = identityOf(arrays["R2.0"]!.shape);
  return new Map(
    Array.from({ length: blocks }, (_, index) => {
      const at = chosen.indexOf(index);
      return [index, { R1: arrays.R1!, R2: at < 0 ? none : arrays[`R2.${at}`]! }];
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
