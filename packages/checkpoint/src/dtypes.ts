/** Bits of one element of every dtype of the safetensors format, by the format's name. */
const bitsByFormatName = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

type FormatName = keyof typeof bitsByFormatName;

/** A dtype of the safetensors format in lower case, as the rest of this project names dtypes: `bf16`, `i64`. */
export type StorageDType = Lowercase<FormatName>;

/** The dtypes whose values this package converts to and from f32. */
export type WeightDType = "f32" | "f16" | "bf16";

const bits = new Map(
  Object.entries(bitsByFormatName).map(([name, width]) => [name.toLowerCase() as StorageDType, width]),
);

/** Bits of one element. */
export const storageBits = (dtype: StorageDType): number => bits.get(dtype)!;

/** The format's own spelling, `BF16`. */
export const formatName = (dtype: StorageDType): string => dtype.toUpperCase();

/** The dtype the format spells `name`, or undefined. Only the format's upper case is one. */
export function parseFormatName(name: string): StorageDType | undefined {
  return Object.hasOwn(bitsByFormatName, name) ? (name.toLowerCase() as StorageDType) : undefined;
}

export const isWeightDType = (dtype: StorageDType): dtype is WeightDType =>
  dtype === "f32" || dtype === "f16" || dtype === "bf16";
