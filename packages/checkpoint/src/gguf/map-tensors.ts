import { CheckpointError } from "../errors.js";
import { shorten } from "../names.js";
import { blockSizes, isPlainType } from "./block-types.js";
import type { GgufHeader, GgufTensor } from "./read-header.js";
import { huggingFaceName, isPairwise } from "./tensor-names.js";

/** A tensor of GGUF as rows. */
export interface MappedTensor extends GgufTensor {
  /** Size of the first axis. */
  readonly rows: number;
  /** Values of a row; 1 of a vector. */
  readonly width: number;
  /** Rows of a head, where rows lie pairwise as llama.cpp's RoPE has them. */
  readonly headDim: number | undefined;
}

/** The model's tensors by Hugging Face's names, in the file's order. A tensor that no supported model has is an error. */
export function mapTensors(
  file: string,
  { tensors }: GgufHeader,
  config: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, MappedTensor> {
  // Mistral's are of GGUF's llama architecture too.
  const pairwise = config.model_type === "llama" || config.model_type === "mistral";
  const headDim = config.head_dim as number;
  const mapped = new Map<string, MappedTensor>();
  for (const [stored, info] of tensors) {
    const name = huggingFaceName(stored);
    const where = `${file}: tensor "${shorten(stored)}"`;
    if (name === undefined) {
      throw new CheckpointError(
        "UNSUPPORTED_MODEL",
        `${where} belongs to no model this release knows; only dense Llama, Mistral and Qwen models are supported`,
      );
    }
    if (name !== null)
      mapped.set(name, asRows(where, info, pairwise && isPairwise(stored) ? headDim : undefined));
  }
  return mapped;
}

function asRows(where: string, info: GgufTensor, headDim: number | undefined): MappedTensor {
  const [rows, width = 1, ...more] = info.shape as [number, number?, ...number[]];
  if (more.length > 0) {
    throw new CheckpointError("WRONG_SHAPE", `${where} is [${info.shape}], it must be a vector or a matrix`);
  }
  if (info.shape.length === 1 && !isPlainType(info.type)) {
    throw new CheckpointError("WRONG_DTYPE", `${where} is ${info.type}, vectors must be f32, f16 or bf16`);
  }
  if (headDim !== undefined && (headDim % 2 !== 0 || rows % headDim !== 0)) {
    throw new CheckpointError("WRONG_SHAPE", `${where} is [${info.shape}], no whole heads of ${headDim}`);
  }
  const rowBytes = info.shape.length === 1 ? blockSizes[info.type].bytes : info.rowBytes;
  return { ...info, rows, width, rowBytes, headDim };
}
