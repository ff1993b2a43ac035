import { shown } from "./config-fields.js";
import { CheckpointError } from "./errors.js";
import { limits } from "./limits.js";

export const singleFile = "model.safetensors";
export const indexFile = "model.safetensors.index.json";

/** The shard of every tensor, from the JSON of `model.safetensors.index.json`, checked. */
export function parseShardIndex(
  file: string,
  json: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, string> {
  const map = json.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw new CheckpointError(
      "MALFORMED",
      `${file}: weight_map must be an object of tensor name to shard file`,
    );
  }
  const entries = Object.entries(map);
  if (entries.length > limits.tensors) {
    throw new CheckpointError(
      "LIMIT",
      `${file}: lists ${entries.length} tensors, the limit is ${limits.tensors}`,
    );
  }
  for (const [tensor, shard] of entries) {
    if (isPlainShardName(shard)) continue;
    throw new CheckpointError(
      "MALFORMED",
      `${file}: weight_map puts "${tensor}" into ${shown(shard)}, which is no plain *.safetensors file name`,
    );
  }
  return new Map(entries);
}

/** A file of the same folder: no separators, drives or dots that lead elsewhere. */
const isPlainShardName = (value: unknown): value is string =>
  typeof value === "string" &&
  value.length <= 255 &&
  /^[A-Za-z0-9_][A-Za-z0-9_.+-]*\.safetensors$/.test(value);
