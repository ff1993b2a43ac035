import { CheckpointError } from "../errors.js";
import { shorten } from "../names.js";
import { blockRows, formatPackedPattern, type PackedPattern, parsePackedPattern } from "./packed-pattern.js";

/** Key of a file's `__metadata__` that lists the checkpoint's packed weights. */
export const packedKey = "denoise_rotator_packed";
/** The latest version of the packed layout, `docs/packed-format.md`; files without shared positions are of version 1. */
export const packedFormatVersion = 2;

/** The `__metadata__` of every file of a checkpoint with packed weights. */
export const packedMetadata = (weights: ReadonlyMap<string, PackedPattern>): Record<string, string> => ({
  [packedKey]: JSON.stringify({
    version: [...weights.values()].some((pattern) => blockRows(pattern) > 1) ? packedFormatVersion : 1,
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
  checkPackedVersion(`${file}: ${packedKey}`, version, packedFormatVersion);
  if (typeof tensors !== "object" || tensors === null || Array.isArray(tensors)) {
    throw new CheckpointError("MALFORMED", `${file}: ${packedKey} has no tensors, an object of name to N:M`);
  }
  const patterns = Object.entries(tensors).map(([name, text]): [string, PackedPattern] => {
    const where = `${file}: ${packedKey} of "${shorten(name)}"`;
    const pattern = parsePackedPattern(where, text);
    if (version !== 1 || blockRows(pattern) === 1) return [name, pattern];
    throw new CheckpointError(
      "MALFORMED",
      `${where}: version 1 has no rows that share positions, as ${text} has`,
    );
  });
  return new Map(patterns);
}

/** Throws {@link CheckpointError} for a version that this release does not read. */
export function checkPackedVersion(where: string, version: unknown, latest: number): void {
  const isWhole = Number.isSafeInteger(version) && (version as number) >= 1;
  if (isWhole && (version as number) <= latest) return;
  throw new CheckpointError(
    "MALFORMED",
    isWhole
      ? `${where}: version ${version}, this release reads up to ${latest}; update denoise-rotator`
      : `${where}: its version must be a whole number from 1 to ${latest}`,
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
