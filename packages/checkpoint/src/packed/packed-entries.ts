import { isWeightDType, type WeightDType } from "../dtypes.js";
import { CheckpointError } from "../errors.js";
import type { WriteEntry } from "../safetensors-layout.js";
import { checkStorable, encodeWeights } from "../weight-codec.js";
import { type PackedRows, packRows, unpackableError, type WeightBits } from "./pack-rows.js";
import { packedNames } from "./packed-names.js";
import {
  blockRows,
  formatPackedPattern,
  keptColumns,
  type PackedPattern,
  positionColumns,
} from "./packed-pattern.js";

/** A tensor of a checkpoint that will be written. */
export interface CheckpointEntry extends WriteEntry {
  /** Stores a weight `[out, in]` of this pattern packed; written as a plain one, as values. */
  readonly packed?: PackedPattern | undefined;
}

/** The two tensors that a packed entry becomes, or the entry itself. `where` names the checkpoint. */
export function storedEntries(where: string, { packed, ...entry }: CheckpointEntry): WriteEntry[] {
  if (!packed) return [entry];
  const { name, shape, dtype } = entry;
  const [rows, columns] = shape;
  const fits = rows !== undefined && columns !== undefined && shape.length === 2 && columns > 0;
  if (!fits || columns % packed.of !== 0 || rows % blockRows(packed) !== 0 || !isWeightDType(dtype)) {
    const blocks = blockRows(packed) === 1 ? "" : ` and outputs in blocks of ${blockRows(packed)}`;
    throw new CheckpointError(
      "WRONG_SHAPE",
      `${where}: tensor "${name}", ${dtype} [${shape}], cannot be packed as ${formatPackedPattern(packed)}: ` +
        `it takes a matrix of weights with inputs in groups of ${packed.of}${blocks}; store it plain`,
    );
  }
  const names = packedNames(name);
  return [
    { name: names.values, dtype, shape: [rows, keptColumns(packed, columns)] },
    {
      name: names.positions,
      dtype: "u8",
      shape: [rows / blockRows(packed), positionColumns(packed, columns)],
    },
  ];
}

/**
 * Rounds rows of a packed entry to its dtype and packs them, to the bytes that are stored. `offset` is the index of the
 * first value in the tensor; rows that share positions come in whole blocks. NaN, infinity and rows that do not have the
 * pattern are errors that name the tensor.
 */
export function encodePacked(
  where: string,
  { name, dtype, shape, packed: pattern }: CheckpointEntry,
  values: Float32Array,
  offset: number,
): PackedRows<Uint8Array> {
  const place = `${where}: tensor "${name}"`;
  const [columns, stored] = [shape[1]!, dtype as WeightDType];
  const block = blockRows(pattern!) * columns;
  if (values.length % block !== 0 || offset % block !== 0) {
    const blocks = block === columns ? "" : `, not whole blocks of ${blockRows(pattern!)} rows`;
    throw new CheckpointError(
      "WRONG_SHAPE",
      `${place} of shape [${shape}] was given ${values.length} values${blocks}`,
    );
  }
  checkStorable(place, stored, values, offset);
  const bytes = encodeWeights(stored, values);
  const Bits: new (buffer: ArrayBufferLike, offset: number, length: number) => WeightBits =
    stored === "f32" ? Uint32Array : Uint16Array;
  const packed = packRows(new Bits(bytes.buffer, bytes.byteOffset, values.length), columns, pattern!);
  if ("unpackable" in packed) throw unpackableError(place, packed.unpackable, pattern!, offset);
  const { buffer, byteOffset, byteLength } = packed.values;
  return { values: new Uint8Array(buffer, byteOffset, byteLength), positions: packed.positions };
}
