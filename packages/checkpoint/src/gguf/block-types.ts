import type { WeightDType } from "../dtypes.js";

/** How GGUF stores weights: plain values, or blocks of values that share scales. */
export type GgufType = WeightDType | "q4_0" | "q4_1" | "q5_0" | "q5_1" | "q8_0" | "q4_k" | "q5_k" | "q6_k";

/** Size of the blocks of a type. */
export interface BlockSize {
  /** Values of one block; rows are whole blocks. */
  readonly values: number;
  readonly bytes: number;
}

export const blockSizes: Readonly<Record<GgufType, BlockSize>> = {
  f32: { values: 1, bytes: 4 },
  f16: { values: 1, bytes: 2 },
  bf16: { values: 1, bytes: 2 },
  q4_0: { values: 32, bytes: 2 + 16 },
  q4_1: { values: 32, bytes: 4 + 16 },
  q5_0: { values: 32, bytes: 2 + 4 + 16 },
  q5_1: { values: 32, bytes: 4 + 4 + 16 },
  q8_0: { values: 32, bytes: 2 + 32 },
  q4_k: { values: 256, bytes: 4 + 12 + 128 },
  q5_k: { values: 256, bytes: 4 + 12 + 32 + 128 },
  q6_k: { values: 256, bytes: 128 + 64 + 16 + 2 },
};

/** The format's numbers for them (`enum ggml_type`). */
const typesByNumber: ReadonlyMap<number, GgufType> = new Map([
  [0, "f32"],
  [1, "f16"],
  [2, "q4_0"],
  [3, "q4_1"],
  [6, "q5_0"],
  [7, "q5_1"],
  [8, "q8_0"],
  [12, "q4_k"],
  [13, "q5_k"],
  [14, "q6_k"],
  [30, "bf16"],
]);

export const ggufTypeOf = (number: number): GgufType | undefined => typesByNumber.get(number);

export const ggufTypes: readonly GgufType[] = [...typesByNumber.values()];

export const isPlainType = (type: GgufType): type is WeightDType => blockSizes[type].values === 1;

/**
 * Writes the values of one block that starts at `bytes[at]` to `out[to…]`. Every product and sum is rounded to f32, in the
 * order in which the `gguf` Python package takes them, so values equal its values bit for bit.
 */
export type BlockDecoder = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void;
