/** What the headers of files from strangers may ask for. */
export const limits = {
  /** Bytes of a safetensors header, as the reference implementation has it. */
  headerBytes: 100_000_000,
  /** Tensors of one file or one index. */
  tensors: 1_000_000,
  /** Axes of a tensor. */
  rank: 16,
  /** Characters of a tensor's name. */
  nameLength: 4096,
  /** Bytes of `config.json`. */
  configBytes: 10_000_000,
  /** Bytes of `model.safetensors.index.json`. */
  indexBytes: 100_000_000,
  /** Bytes of `tokenizer.json`. */
  tokenizerBytes: 200_000_000,
} as const;
