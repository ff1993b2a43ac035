import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Checkpoint,
  type CheckpointEntry,
  CheckpointError,
  CheckpointWriter,
  formatPackedPattern,
  isWeightDType,
  type PackedPattern,
  packRows,
  type StorageDType,
  unpackableError,
} from "@denoise-rotator/checkpoint";
import { siteRoles } from "@denoise-rotator/contracts";
import { breathe, OptionError } from "@denoise-rotator/core";
import { OutputDirectory } from "@denoise-rotator/hub";
import { loaderFile, loaderPath } from "./loader-file.js";
import type { Model } from "./model.js";
import { packedOutputConfig } from "./output/output-config.js";
import { blockTensorNames } from "./tensor-layout.js";

/** Weights copied at once. */
const chunkWeights = 2 ** 20;
/** What a pruning run leaves beside the weights. */
const runRecordFile = "run.json";

export interface RepackOptions {
  /** Replace what is at the target; default false. */
  readonly force?: boolean | undefined;
  /** Most bytes of one file of weights; default 5 · 10⁹. */
  readonly maxShardBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies a model to the directory `out` with those of its sites' weights packed that have the pattern (default 2:4), kept
 * values and positions, as `docs/packed-format.md` has it. Nothing is lost: {@link unpackModel} restores every bit.
 *
 * @returns the names of the packed weights.
 * @throws {CheckpointError} `PATTERN` naming the first site where none has the pattern, or one that holds −0 where
 *   packing would lose it.
 */
export async function packModel(
  model: Model,
  out: string,
  { pattern = { keep: 2, of: 4 }, ...options }: RepackOptions & { readonly pattern?: PackedPattern } = {},
): Promise<string[]> {
  const packed = new Set<string>();
  let first: CheckpointError | undefined;
  for (const name of siteWeights(model)) {
    options.signal?.throwIfAborted();
    const why = await findUnpackable(model.checkpoint, name, pattern);
    if (why) first ??= why;
    else packed.add(name);
  }
  if (packed.size === 0 && first) throw first;
  await copyModel(model, out, options, {
    packing: (name) => (packed.has(name) ? pattern : undefined),
    config: packedOutputConfig(model.config.raw, model.family),
    loader: true,
  });
  return [...packed];
}

/**
 * Copies a model whose weights are stored packed to the directory `out`, all of them plain: the same tensors, bit by bit.
 *
 * @throws {OptionError} where none is packed.
 */
export async function unpackModel(model: Model, out: string, options: RepackOptions = {}): Promise<void> {
  const { checkpoint, config } = model;
  if (!checkpoint.names.some((name) => checkpoint.packing?.(name))) {
    throw new OptionError(`${model.name}: its weights are stored plain already; there is nothing to unpack`);
  }
  await copyModel(model, out, options, {
    packing: () => undefined,
    config: config.raw,
    loader: config.rotated,
  });
}

const siteWeights = ({ config, family }: Model): string[] =>
  Array.from({ length: config.layerCount }, (_, index) => {
    const { linear } = blockTensorNames(family, index);
    return siteRoles.map((role) => `${linear(role)}.weight`);
  }).flat();

/** Begin and end of parts of a matrix, some blocks of rows each. */
function* rowRanges([rows, columns]: readonly number[], block = 1): Generator<[number, number]> {
  const step = block * Math.max(1, Math.floor(chunkWeights / columns! / block));
  for (let begin = 0; begin < rows!; begin += step) yield [begin, Math.min(rows!, begin + step)];
}

/** Why a weight cannot be packed; `undefined` where it can. Stops at the first group that tells. */
async function findUnpackable(
  checkpoint: Checkpoint,
  name: string,
  pattern: PackedPattern,
): Promise<CheckpointError | undefined> {
  const shape = checkpoint.shape(name);
  const columns = shape[1]!;
  const where = `${checkpoint.fileOf(name)}: tensor "${name}"`;
  const { of, rows: block = 1 } = pattern;
  if (columns % of !== 0 || shape[0]! % block !== 0) {
    const why =
      columns % of === 0
        ? `${shape[0]} outputs are no blocks of ${block}`
        : `${columns} inputs are no groups of ${of}`;
    return new CheckpointError(
      "PATTERN",
      `${where}: its ${why}, so it is not ${formatPackedPattern(pattern)}`,
    );
  }
  for (const [begin, end] of rowRanges(shape, block)) {
    const values = await checkpoint.readRows(name, begin, end);
    const found = packRows(
      new Uint32Array(values.buffer, values.byteOffset, values.length),
      columns,
      pattern,
    );
    if (!("unpackable" in found)) continue;
    const error = unpackableError(where, found.unpackable, pattern, begin * columns);
    if (found.unpackable.negativeZero) throw error;
    return error;
  }
  return undefined;
}

/** How a copy differs. */
interface Copy {
  readonly packing: (name: string) => PackedPattern | undefined;
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether the file that teaches transformers goes along. */
  readonly loader: boolean;
}

async function copyModel(
  { checkpoint }: Model,
  out: string,
  { force = false, maxShardBytes, signal }: RepackOptions,
  { packing, config, loader }: Copy,
): Promise<void> {
  const entries = checkpoint.names.map((name): CheckpointEntry => {
    return {
      name,
      dtype: copiedDType(checkpoint, name),
      shape: checkpoint.shape(name),
      packed: packing(name),
    };
  });
  await using output = await OutputDirectory.create(out, { force });
  const limit = maxShardBytes === undefined ? {} : { maxShardBytes };
  await using writer = await CheckpointWriter.create(output.workingPath, entries, limit);
  for (const { name, dtype, shape, packed } of entries) {
    signal?.throwIfAborted();
    if (!isWeightDType(dtype)) await writer.write(name, (await checkpoint.read(name)).bytes);
    else if (shape.length !== 2) await writer.write(name, await checkpoint.readFloat32(name));
    else {
      for (const [begin, end] of rowRanges(shape, packed?.rows)) {
        await writer.writeRows(name, begin, await checkpoint.readRows(name, begin, end));
        await breathe();
      }
    }
  }
  await writer.finish();
  await writeFile(output.path("config.json"), `${JSON.stringify(config, null, 2)}\n`);
  if (loader) await copyFile(loaderPath, output.path(loaderFile));
  for await (const { name, bytes } of checkpoint.companions()) await writeFile(output.path(name), bytes);
  await copyFile(join(checkpoint.path, runRecordFile), output.path(runRecordFile)).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
    },
  );
  await output.commit();
}

/** Weights that are quantised in blocks are copied as what they become; what holds no weights as it is. */
function copiedDType(checkpoint: Checkpoint, name: string): StorageDType {
  try {
    return checkpoint.weightDType(name);
  } catch (error) {
    if (!(error instanceof CheckpointError && error.code === "WRONG_DTYPE")) throw error;
    return checkpoint.dtype(name) as StorageDType;
  }
}
