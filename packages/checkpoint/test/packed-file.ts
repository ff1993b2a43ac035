import { rawFile } from "./support.js";

/**
 * Header of a file with a weight `[4, 8]` packed as 2:4 in bf16, `rows` of it sharing their positions, and a plain one; the data
 * of both are valid as 0x44….
 */
export const packedHeader = (rows: 1 | 2 = 1) => ({
  __metadata__: {
    format: "pt",
    denoise_rotator_packed: JSON.stringify({
      version: rows,
      tensors: { "q.weight": rows === 1 ? "2:4" : "2:4/2" },
    }),
  } as Record<string, string>,
  "norm.weight": { dtype: "F32", shape: [2], data_offsets: [0, 8] },
  "q.weight_values": { dtype: "BF16", shape: [4, 4], data_offsets: [8, 40] },
  "q.weight_positions": { dtype: "U8", shape: [4 / rows, 1], data_offsets: [40, 40 + 4 / rows] },
});

/** Bytes of {@link packedHeader}'s data. */
export const packedDataBytes = (rows: 1 | 2 = 1): number => 40 + 4 / rows;

/** A file whose data are 0x44: positions 0 and 1 of every group, values of 784. */
export function packedFile(header: unknown = packedHeader(), dataBytes = packedDataBytes()): Uint8Array {
  const bytes = rawFile(header, dataBytes);
  return bytes.fill(0x44, bytes.length - dataBytes);
}

/** The `config.json` beside it. */
export const packedConfigJson = {
  model_type: "denoise_rotator_packed_llama",
  architectures: ["DenoiseRotatorPackedLlamaForCausalLM"],
  hidden_size: 8,
  denoise_rotator_packed: {
    version: 1,
    replaces: { model_type: "llama", architectures: ["LlamaForCausalLM"] },
  },
  quantization_config: { format: "denoise_rotator_packed", version: 1 },
};
