import { stat } from "node:fs/promises";
import { join } from "node:path";
import { fileSource } from "@denoise-rotator/hub";
import type { Checkpoint } from "./checkpoint.js";
import { CheckpointError } from "./errors.js";
import { openGguf } from "./gguf/gguf-checkpoint.js";
import { type OpenSource, openIfPresent, readJsonObject } from "./json-file.js";
import { limits } from "./limits.js";
import { PackedCheckpoint, type PackedListing } from "./packed/packed-checkpoint.js";
import { isPackedConfig, plainConfig } from "./packed/packed-config.js";
import { readPackedMetadata } from "./packed/packed-metadata.js";
import { SafetensorsCheckpoint } from "./safetensors-checkpoint.js";
import type { SafetensorsHeader } from "./safetensors-header.js";
import { readSafetensorsHeader } from "./safetensors-reader.js";
import { indexFile, parseShardIndex, singleFile } from "./shard-index.js";

export interface OpenCheckpointOptions {
  /** Opens a file by its path, for other stores than the local disk. */
  openSource?: OpenSource;
}

/**
 * Opens a checkpoint: a directory in the Hugging Face layout (`config.json` beside `model.safetensors`, or beside shards
 * and `model.safetensors.index.json`), or a GGUF file, by its ending. All headers are read and checked now, weights only
 * when asked for.
 * @throws {CheckpointError} naming file and tensor, if anything is missing, damaged or contradictory.
 */
export async function openCheckpoint(path: string, options: OpenCheckpointOptions = {}): Promise<Checkpoint> {
  const openSource = options.openSource ?? fileSource;
  if (/\.gguf$/i.test(path) && !(await isDirectory(path))) return openGgufFile(path, openSource);
  if (!options.openSource) await checkDirectory(path);
  return openDirectory(path, openSource);
}

async function openGgufFile(path: string, openSource: OpenSource): Promise<Checkpoint> {
  const source = await openSource(path);
  try {
    return await openGguf(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function openDirectory(directory: string, openSource: OpenSource): Promise<Checkpoint> {
  const config = await readConfigJson(directory, openSource);
  const shardOf = await readShardMap(directory, openSource);
  const headers = new Map<string, SafetensorsHeader>();
  for (const shard of shardOf ? new Set(shardOf.values()) : [singleFile]) {
    headers.set(shard, await readHeader(directory, shard, openSource));
  }
  const tensors = new Map<string, string>();
  if (shardOf) {
    for (const [name, shard] of shardOf) {
      if (headers.get(shard)!.tensors.has(name)) tensors.set(name, shard);
      else {
        throw new CheckpointError(
          "MISSING_TENSOR",
          `${join(directory, shard)}: has no tensor "${name}", which ${indexFile} puts there; fetch it again`,
        );
      }
    }
  } else for (const name of headers.get(singleFile)!.tensors.keys()) tensors.set(name, singleFile);
  const checkpoint = new SafetensorsCheckpoint(directory, config, tensors, headers, openSource);
  return withPacked(checkpoint, headers);
}

/** The checkpoint with its packed weights read as plain ones, if it has any; files and configuration must agree on that. */
function withPacked(
  checkpoint: SafetensorsCheckpoint,
  headers: ReadonlyMap<string, SafetensorsHeader>,
): Checkpoint {
  const { path, config, configFile } = checkpoint;
  const listed = new Map<string, PackedListing>();
  const lists: string[] = [];
  for (const [shard, { metadata }] of headers) {
    const file = join(path, shard);
    const patterns = readPackedMetadata(file, metadata);
    if (patterns) lists.push(file);
    for (const [name, pattern] of patterns ?? []) listed.set(name, { pattern, file });
  }
  if (isPackedConfig(config)) {
    if (lists.length > 0) return new PackedCheckpoint(checkpoint, listed, plainConfig(configFile, config));
    throw new CheckpointError(
      "MALFORMED",
      `${configFile}: says that weights are stored packed, but no file lists them; fetch it again`,
    );
  }
  if (lists.length === 0) return checkpoint;
  throw new CheckpointError(
    "MALFORMED",
    `${lists[0]}: lists packed weights, of which config.json says nothing; fetch it again`,
  );
}

/** The JSON of a directory's `config.json`. */
export async function readConfigJson(
  directory: string,
  openSource: OpenSource = fileSource,
): Promise<Readonly<Record<string, unknown>>> {
  const source = await openIfPresent(directory, "config.json", openSource);
  if (source) return readJsonObject(source, limits.configBytes);
  throw new CheckpointError("NOT_FOUND", `${directory}: has no config.json; is it a checkpoint directory?`);
}

const isDirectory = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

async function checkDirectory(directory: string): Promise<void> {
  const stats = await stat(directory).catch(() => undefined);
  if (stats?.isDirectory()) return;
  const why = stats
    ? "is a file; give the directory that holds config.json, or a file that ends in .gguf"
    : "no such directory";
  throw new CheckpointError("NOT_FOUND", `${directory}: ${why}`);
}

/** The index's map, or undefined for a checkpoint of one file. */
async function readShardMap(
  directory: string,
  openSource: OpenSource,
): Promise<ReadonlyMap<string, string> | undefined> {
  const single = await openIfPresent(directory, singleFile, openSource);
  await single?.close();
  if (single) return undefined;
  const index = await openIfPresent(directory, indexFile, openSource);
  if (index) return parseShardIndex(index.name, await readJsonObject(index, limits.indexBytes));
  throw new CheckpointError(
    "NOT_FOUND",
    `${directory}: has neither ${singleFile} nor ${indexFile}; other formats must be converted to safetensors`,
  );
}

async function readHeader(
  directory: string,
  shard: string,
  openSource: OpenSource,
): Promise<SafetensorsHeader> {
  const source = await openIfPresent(directory, shard, openSource);
  if (!source) {
    throw new CheckpointError(
      "NOT_FOUND",
      `${directory}: has no ${shard}, which ${indexFile} names; fetch it again`,
    );
  }
  try {
    return await readSafetensorsHeader(source);
  } finally {
    await source.close();
  }
}
