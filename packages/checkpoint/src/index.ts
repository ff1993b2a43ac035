export type { Checkpoint, CompanionFile } from "./checkpoint.js";
export {
  type CheckpointLayout,
  CheckpointWriter,
  type CheckpointWriterOptions,
  planShards,
} from "./checkpoint-writer.js";
export { ConfigFields } from "./config-fields.js";
export {
  type ConfigRules,
  type DecoderConfig,
  parseDecoderConfig,
  rotatedFormatVersion,
  rotatedPrefix,
} from "./decoder-config.js";
export { isWeightDType, type StorageDType, storageBits, type WeightDType } from "./dtypes.js";
export { CheckpointError, type CheckpointErrorCode } from "./errors.js";
export { fetchCheckpoint } from "./fetch-checkpoint.js";
export { type BlockSize, blockSizes, type GgufType, ggufTypes } from "./gguf/block-types.js";
export { configFromGguf } from "./gguf/config-from-gguf.js";
export { dequantize } from "./gguf/dequantize.js";
export { GgufCheckpoint, openGguf } from "./gguf/gguf-checkpoint.js";
export { type GgufHeader, type GgufTensor, readGgufHeader } from "./gguf/read-header.js";
export type { OpenSource } from "./json-file.js";
export { limits } from "./limits.js";
export { type OpenCheckpointOptions, openCheckpoint, readConfigJson } from "./open-checkpoint.js";
export {
  type PackedRows,
  packRows,
  type Unpackable,
  unpackableError,
  type WeightBits,
} from "./packed/pack-rows.js";
export { packedConfig, packedPrefix } from "./packed/packed-config.js";
export type { CheckpointEntry } from "./packed/packed-entries.js";
export { packedFormatVersion, packedKey } from "./packed/packed-metadata.js";
export { formatPackedPattern, type PackedPattern, parsePackedPattern } from "./packed/packed-pattern.js";
export type { PackedWeightRows } from "./packed/packed-values.js";
export { unpackRows } from "./packed/unpack-rows.js";
export type { RopeScaling } from "./rope-config.js";
export { SafetensorsCheckpoint } from "./safetensors-checkpoint.js";
export type { SafetensorsHeader, TensorInfo } from "./safetensors-header.js";
export type { WriteEntry } from "./safetensors-layout.js";
export { openSafetensors, type ReadOptions, SafetensorsFile } from "./safetensors-reader.js";
export { createSafetensors, SafetensorsWriter, type SafetensorsWriterOptions } from "./safetensors-writer.js";
export { type DecodeOptions, type EncodeOptions, openTokenizer, Tokenizer } from "./tokenizer.js";
