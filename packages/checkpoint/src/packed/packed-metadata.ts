import { CheckpointError } from "../errors.js";
import { shorten } from "../names.js";
import { formatPackedPattern, type PackedPattern, parsePackedPattern } from "./packed-pattern.js";

/** Key of a file's `__metadata__` that lists the checkpoint's packed weights. */
export const packedKey = "denoise_rotator_packed";
/** Version of the packed layout, `docs/packed-format.md`. */
export const packedFormatVersion = 1;

/** The `__metadata__` of every file of a checkpoint with packed weights. */
export const packedMetadata = (weights: ReadonlyMap<string, PackedPattern>): Record<string, string> => ({
  [packedKey]: JSON.stringify({
    version: packedFormatVersion,
    tensors: Object.fromEntries([...weights].map(([name, pattern]) => [name, formatPackedPattern(pattern)])),
  }),
});

/** The packed weights that a file's metadata list; `undefined` where they list none. */
export function readPackedMetadata(
  file: string,
  metadata: ReadonlyMap<string, string>,
): ReadonlyMap<string, PackedPattern> | undefined {
  const text = metadata.get(packedKey);
  if (text === undefined) return undefined;
  const { version, tensors } = parseObject(file, text);
  checkPackedVersion(`${file}: ${packedKey}`, version);
  if (typeof tensors !== "object" || tensors === null || Array.isArray(tensors)) {
    throw new CheckpointError("MALFORMED", `${file}: ${packedKey} has no tensors, an object of name to N:M`);
  }
  const patterns = Object.entries(tensors).map(([name, pattern]): [string, PackedPattern] => [
    name,
    parsePackedPattern(`${file}: ${packedKey} of "${shorten(name)}"`, pattern),
  ]);
  return new Map(patterns);
}

/** Throws {@link CheckpointError} for a version that this release does not read. */
export function checkPackedVersion(where: string, version: unknown): void {
  if (version === packedFormatVersion) return;
  const newer = Number.isSafeInteger(version) && (version as number) > packedFormatVersion;
  throw new CheckpointError(
    "MALFORMED",
    newer
      ? `${where}: version ${version}, this release reads ${packedFormatVersion}; update denoise-rotator`
      : `${where}: its version must be ${packedFormatVersion}`,
  );
}

function parseObject(file: string, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError("MALFORMED", `${file}: ${packedKey} is not valid JSON`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new CheckpointError("MALFORMED", `${file}: ${packedKey} must hold a JSON object`);
}
