import type { ByteSource } from "@denoise-rotator/hub";
import { CheckpointError } from "../errors.js";
import { limits } from "../limits.js";
import { shorten } from "../names.js";
import { blockSizes, type GgufType, ggufTypeOf, ggufTypes } from "./block-types.js";
import { type ScannedHeader, scanHeader } from "./scan-header.js";

/** Where a tensor of a GGUF file lies and how. */
export interface GgufTensor {
  readonly type: GgufType;
  /** Row-major, slowest axis first (the file has them the other way round). */
  readonly shape: readonly number[];
  /** Bytes of a row: all of the last axis. */
  readonly rowBytes: number;
  /** Offset of its first byte in the file. */
  readonly begin: number;
  /** Offset after its last byte in the file. */
  readonly end: number;
}

export interface GgufHeader {
  /** Numbers, bigints (64-bit integers), booleans, strings, and arrays of one kind of them. */
  readonly metadata: ReadonlyMap<string, unknown>;
  /** By the names in the file, in its order. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/**
 * Reads the metadata and tensor table of a GGUF file (version 2 or 3, little-endian).
 *
 * @throws {CheckpointError} naming file, key or tensor, where it is damaged or asks for more than the limits.
 */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  const scanned = await scanHeader(source);
  const { metadata, tensorInfos } = await parse(source.name, scanned);
  const entries = new Map<string, unknown>(Object.entries(metadata));
  // The library cuts the last string of an array where its window ends.
  for (const [key, last] of scanned.lastStrings) (entries.get(key) as string[]).splice(-1, 1, last);
  const dataStart = alignedUp(scanned.bytes.length, readAlignment(source.name, entries));
  const tensors = new Map<string, GgufTensor>();
  for (const info of tensorInfos) {
    if (tensors.has(info.name)) {
      throw new CheckpointError(
        "DUPLICATE_TENSOR",
        `${source.name}: two tensors are called "${shorten(info.name)}"`,
      );
    }
    tensors.set(info.name, readTensor(source.name, info, dataStart));
  }
  checkExtents(source.name, tensors, scanned.fileSize);
  return { metadata: entries, tensors };
}

/** The header as `@huggingface/gguf` reads it, from memory by the range requests it makes of a server. */
async function parse(file: string, { bytes }: ScannedHeader) {
  const { gguf } = await import("@huggingface/gguf");
  const serve: typeof fetch = async (_address, init) => {
    const [first = 0, last = 0] =
      (new Headers(init?.headers).get("range") ?? "").match(/\d+/g)?.map(Number) ?? [];
    return new Response(bytes.slice(first, last + 1), { status: 206 });
  };
  try {
    return await gguf("https://localhost/header.gguf", { fetch: serve });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError("MALFORMED", `${file}: its header cannot be read (${why})`, { cause });
  }
}

function readAlignment(file: string, metadata: ReadonlyMap<string, unknown>): number {
  const value = metadata.get("general.alignment") ?? 32;
  const valid = Number.isInteger(value) && (value as number) > 0 && (value as number) <= limits.ggufAlignment;
  if (valid && Number.isInteger(Math.log2(value as number))) return value as number;
  throw new CheckpointError(
    "MALFORMED",
    `${file}: general.alignment is ${String(value)}, it must be a power of two up to ${limits.ggufAlignment}`,
  );
}

interface TensorInfo {
  readonly name: string;
  readonly shape: readonly bigint[];
  readonly dtype: number;
  readonly offset: bigint;
}

function readTensor(file: string, info: TensorInfo, dataStart: number): GgufTensor {
  const where = `${file}: tensor "${shorten(info.name)}"`;
  const type = ggufTypeOf(info.dtype);
  if (!type) {
    throw new CheckpointError(
      "WRONG_DTYPE",
      `${where} is stored as type ${info.dtype}, supported: ${ggufTypes.join(", ")}; quantise the model as one of them`,
    );
  }
  const malformed = (why: string) => new CheckpointError("MALFORMED", `${where} ${why}`);
  const shape = info.shape.map(Number).reverse();
  if (shape.length === 0 || shape.includes(0))
    throw malformed(`has the shape [${shape}], which holds nothing`);
  const size = blockSizes[type];
  const width = shape.at(-1)!;
  if (width % size.values !== 0) {
    throw malformed(`is ${type} with rows of ${width}, which are no whole blocks of ${size.values}`);
  }
  const rowBytes = (width / size.values) * size.bytes;
  const bytes = shape.slice(0, -1).reduce((total, length) => total * length, rowBytes);
  if (!Number.isSafeInteger(bytes)) throw malformed(`has a shape [${shape}] whose bytes cannot be counted`);
  if (info.offset + BigInt(dataStart) + BigInt(bytes) > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw malformed(`starts at byte ${info.offset} of the data, beyond any file`);
  }
  const begin = dataStart + Number(info.offset);
  return { type, shape, rowBytes, begin, end: begin + bytes };
}

/** Every tensor lies in the file, and none over another. */
function checkExtents(file: string, tensors: ReadonlyMap<string, GgufTensor>, fileSize: number): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  let previous = "";
  for (const [name, { begin, end }] of inOrder) {
    const where = `${file}: tensor "${shorten(name)}"`;
    if (end > fileSize) {
      throw new CheckpointError(
        "MALFORMED",
        `${where} ends at byte ${end}, the file has ${fileSize}; it is truncated, fetch it again`,
      );
    }
    if (begin < covered) {
      throw new CheckpointError("MALFORMED", `${where} overlaps "${shorten(previous)}" at byte ${begin}`);
    }
    covered = end;
    previous = name;
  }
}

const alignedUp = (offset: number, alignment: number): number => Math.ceil(offset / alignment) * alignment;
