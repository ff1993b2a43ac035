import { parseFormatName, type StorageDType, storageBits } from "./dtypes.js";
import { CheckpointError } from "./errors.js";
import { duplicateKey } from "./json-keys.js";
import { limits } from "./limits.js";
import { shorten } from "./names.js";

/** Where a tensor lies and what it holds. */
export interface TensorInfo {
  readonly dtype: StorageDType;
  readonly shape: readonly number[];
  /** Offset of its first byte in the file. */
  readonly begin: number;
  /** Offset after its last byte in the file. */
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of their bytes in the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Length of the field that holds the header's length. */
export const prefixBytes = 8;

/** The header's length, from the first eight bytes of a file of `fileSize` bytes. */
export function headerLength(file: string, prefix: Uint8Array, fileSize: number): number {
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(limits.headerBytes)) {
    throw new CheckpointError(
      "LIMIT",
      `${file}: its header claims ${length} bytes, more than the limit of ${limits.headerBytes}; is it safetensors?`,
    );
  }
  if (Number(length) > fileSize - prefixBytes) {
    throw new CheckpointError(
      "MALFORMED",
      `${file}: its header claims ${length} bytes, but the file has ${fileSize}; is it truncated?`,
    );
  }
  return Number(length);
}

/**
 * Reads and checks the header JSON of a file: every tensor's extent agrees with its dtype and shape, and together
 * they cover the file's data without overlap or hole, as the format demands.
 */
export function parseHeader(file: string, json: Uint8Array, fileSize: number): SafetensorsHeader {
  const entries = parseObject(file, json);
  if (entries.length > limits.tensors) {
    throw new CheckpointError(
      "LIMIT",
      `${file}: holds ${entries.length} tensors, the limit is ${limits.tensors}`,
    );
  }
  const dataStart = prefixBytes + json.byteLength;
  let metadata: ReadonlyMap<string, string> = new Map();
  const tensors: [string, TensorInfo][] = [];
  for (const [name, value] of entries) {
    if (name === "__metadata__") metadata = parseMetadata(file, value);
    else tensors.push([name, parseTensor(`${file}: tensor "${shorten(name)}"`, name, value, dataStart)]);
  }
  tensors.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  checkCover(file, tensors, dataStart, fileSize);
  return { tensors: new Map(tensors), metadata };
}

function parseObject(file: string, json: Uint8Array): [string, unknown][] {
  const malformed = (why: string, cause?: unknown) =>
    new CheckpointError("MALFORMED", `${file}: its safetensors header ${why}`, { cause });
  if (json[0] !== 0x7b) throw malformed("does not start with {; is it a safetensors file?");
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
    header = JSON.parse(text);
  } catch (cause) {
    throw malformed("is not valid JSON; is it damaged?", cause);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) throw malformed(`has the key "${shorten(twice)}" twice`);
  return Object.entries(header as object);
}

function parseMetadata(file: string, value: unknown): ReadonlyMap<string, string> {
  if (isObject(value)) {
    const entries = Object.entries(value);
    if (entries.every((entry): entry is [string, string] => typeof entry[1] === "string"))
      return new Map(entries);
  }
  throw new CheckpointError("MALFORMED", `${file}: __metadata__ must be an object of strings`);
}

function parseTensor(where: string, name: string, value: unknown, dataStart: number): TensorInfo {
  const malformed = (why: string) => new CheckpointError("MALFORMED", `${where} ${why}`);
  if (name.length > limits.nameLength) throw malformed(`has a name of over ${limits.nameLength} characters`);
  if (!isObject(value)) throw malformed("is not described by an object");
  const { dtype: dtypeName, shape, data_offsets: offsets } = value;
  const dtype = typeof dtypeName === "string" ? parseFormatName(dtypeName) : undefined;
  if (!dtype) {
    const what = typeof dtypeName === "string" ? `the unknown dtype "${shorten(dtypeName)}"` : "no dtype";
    throw new CheckpointError("WRONG_DTYPE", `${where} has ${what}`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw malformed("has a shape that is not a list of sizes");
  if (shape.length > limits.rank) throw malformed(`has ${shape.length} axes, the limit is ${limits.rank}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw malformed("has data_offsets that are not two byte offsets");
  }
  const [begin, end] = offsets as [number, number];
  const bytes = tensorBytes(dtype, shape);
  if (bytes === undefined) throw malformed(`has a shape [${shape}] whose bytes cannot be counted`);
  if (end - begin !== bytes) {
    throw malformed(
      `of dtype ${dtype} and shape [${shape}] needs ${bytes} bytes, its data_offsets give ${end - begin}`,
    );
  }
  return { dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

/** Bytes of a tensor, or undefined where they are no exact number of whole bytes. */
export function tensorBytes(dtype: StorageDType, shape: readonly number[]): number | undefined {
  let total = storageBits(dtype);
  for (const size of shape) total *= size;
  // A product that left the safe integers and came back through a zero is still zero.
  if (shape.includes(0)) return 0;
  return Number.isSafeInteger(total) && total % 8 === 0 ? total / 8 : undefined;
}

function checkCover(
  file: string,
  tensors: readonly [string, TensorInfo][],
  start: number,
  fileSize: number,
): void {
  let covered = start;
  let previous = "the header";
  for (const [name, { begin, end }] of tensors) {
    const where = `${file}: tensor "${shorten(name)}"`;
    if (end > fileSize) {
      throw new CheckpointError(
        "MALFORMED",
        `${where} ends at byte ${end}, the file has ${fileSize}; it is truncated, fetch it again`,
      );
    }
    if (begin < covered) {
      throw new CheckpointError("MALFORMED", `${where} overlaps ${previous} at byte ${begin}`);
    }
    if (begin > covered) {
      throw new CheckpointError(
        "MALFORMED",
        `${where} starts at byte ${begin} after a hole from byte ${covered}`,
      );
    }
    covered = end;
    previous = `tensor "${shorten(name)}"`;
  }
  if (covered !== fileSize) {
    throw new CheckpointError(
      "MALFORMED",
      `${file}: ${fileSize - covered} bytes after the last tensor belong to none`,
    );
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
