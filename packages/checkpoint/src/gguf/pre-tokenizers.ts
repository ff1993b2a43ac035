/** Words with the space before them, GPT-2's. */
const gpt2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** Llama 3's, with at most `digits` digits together. */
const llama3 = (digits: string) =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}${digits}` +
  String.raw`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** Mistral's since Nemo: words end before a capital. */
const tekken =
  String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` +
  String.raw`|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*` +
  String.raw`|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** How byte-level BPE cuts a text before it merges. */
export interface PreTokenizer {
  /** Patterns that cut one after another. */
  readonly patterns: readonly string[];
  /** Unicode normalisation of the text. */
  readonly normalizer?: "NFC";
  /** A piece that is a token is not put together from merges. */
  readonly ignoreMerges?: true;
  /** A text begins with the first token unless the metadata say otherwise. */
  readonly addsBos?: true;
}

const ofLlama3: PreTokenizer = { patterns: [llama3("{1,3}")], ignoreMerges: true, addsBos: true };
const ofQwen2: PreTokenizer = { patterns: [llama3("")], normalizer: "NFC" };

/** By `tokenizer.ggml.pre`. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map([
  ["gpt-2", { patterns: [gpt2] }],
  ["smollm", { patterns: [String.raw`\p{N}`, gpt2] }],
  ["llama-bpe", ofLlama3],
  ["llama3", ofLlama3],
  ["llama-v3", ofLlama3],
  ["qwen2", ofQwen2],
  ["deepseek-r1-qwen", ofQwen2],
  ["tekken", { patterns: [tekken], ignoreMerges: true, addsBos: true }],
  // What llama.cpp falls back to.
  ["default", { patterns: [String.raw`[\p{P}\$\+<=>\^~\|]+`, gpt2, String.raw`\p{N}+`, "[0-9][0-9][0-9]"] }],
]);
