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
  /** Blocks of a model. */
  layers: 10_000,
  /** Bytes of `model.safetensors.index.json`. */
  indexBytes: 100_000_000,
  /** Bytes of `tokenizer.json`. */
  tokenizerBytes: 200_000_000,
  /** Tokens of a vocabulary. */
  tokens: 4_000_000,
  /** Levels of nesting in the parts of a tokenizer. */
  tokenizerDepth: 32,
  /** Bytes of any other file that is copied along with a model. */
  companionBytes: 200_000_000,
  /** Bytes of a GGUF file before its tensors' data. The largest vocabularies take a third. */
  ggufHeaderBytes: 40_000_000,
  /** Keys of a GGUF file's metadata. */
  ggufKeys: 65_536,
  /** Bytes of a key of it, as the format has it. */
  ggufKeyBytes: 65_535,
  /** Bytes of one string in it; chat templates have a tenth. */
  ggufStringBytes: 400_000,
  /** Elements of one array in it. */
  ggufArrayLength: 1_000_000,
  /** Axes of a tensor of GGUF, as the format has it. */
  ggufRank: 4,
  /** Size of one of them. */
  ggufDimension: 2 ** 32,
  /** Bytes that tensors are aligned to. */
  ggufAlignment: 2 ** 20,
  /** Bytes of the factors of rotary frequencies in GGUF. */
  ggufRopeBytes: 65_536,
} as const;
