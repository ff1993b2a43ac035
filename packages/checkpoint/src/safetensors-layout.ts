import { formatName, type StorageDType, storageBits } from "./dtypes.js";
import { CheckpointError } from "./errors.js";
import { limits } from "./limits.js";
import { prefixBytes, type TensorInfo, tensorBytes } from "./safetensors-header.js";

/** A tensor that will be written. */
export interface WriteEntry {
  readonly name: string;
  readonly dtype: StorageDType;
  readonly shape: readonly number[];
}

/** Where everything of a file to be written goes. */
export interface SafetensorsLayout {
  /** The file's first bytes: length of the header, header, padding. */
  readonly header: Uint8Array;
  /** Extents in the file, in its order. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly fileSize: number;
}

/** Bytes of an entry; a shape that has none is an error. */
export function entryBytes(file: string, { name, dtype, shape }: WriteEntry): number {
  const valid = shape.length <= limits.rank && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  const bytes = valid ? tensorBytes(dtype, shape) : undefined;
  if (bytes === undefined) {
    throw new CheckpointError(
      "WRONG_SHAPE",
      `${file}: tensor "${name}" cannot have the shape [${shape}] as ${dtype}`,
    );
  }
  return bytes;
}

/**
 * Lays a file out: wide dtypes first so that every tensor is aligned to its elements, otherwise in the order given.
 * The header is padded with spaces to 8 bytes.
 */
export function planLayout(
  file: string,
  entries: readonly WriteEntry[],
  metadata: Readonly<Record<string, string>>,
): SafetensorsLayout {
  const ordered = [...entries].sort((a, b) => storageBits(b.dtype) - storageBits(a.dtype));
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  const extents: [string, WriteEntry, number, number][] = [];
  let offset = 0;
  for (const entry of ordered) {
    const { name } = entry;
    if (name in header || name === "__metadata__" || name.length > limits.nameLength) {
      throw new CheckpointError(
        "DUPLICATE_TENSOR",
        `${file}: two tensors are called "${name}", or none may be`,
      );
    }
    const end = offset + entryBytes(file, entry);
    header[name] = { dtype: formatName(entry.dtype), shape: entry.shape, data_offsets: [offset, end] };
    extents.push([name, entry, offset, end]);
    offset = end;
  }
  const bytes = encodeHeader(file, header);
  const tensors = new Map<string, TensorInfo>();
  for (const [name, { dtype, shape }, begin, end] of extents) {
    tensors.set(name, { dtype, shape, begin: begin + bytes.length, end: end + bytes.length });
  }
  return { header: bytes, tensors, fileSize: bytes.length + offset };
}

function encodeHeader(file: string, header: object): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(json.length / 8) * 8;
  if (length > limits.headerBytes) {
    throw new CheckpointError("LIMIT", `${file}: its header would take ${length} bytes, use more shards`);
  }
  const bytes = new Uint8Array(prefixBytes + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, prefixBytes);
  return bytes;
}
