import { didYouMean } from "../suggest.js";
import { mergesFromScores } from "./merges-from-scores.js";
import type { MetadataFields } from "./metadata-fields.js";
import { preTokenizers } from "./pre-tokenizers.js";

/** The objects of `tokenizer.json` and `tokenizer_config.json`. */
export interface TokenizerFiles {
  readonly json: Record<string, unknown>;
  readonly settings: Record<string, unknown>;
}

const key = (name: string) => `tokenizer.ggml.${name}`;

/** `tokenizer.ggml.token_type`. */
const tokenTypes = { unknown: 2, control: 3, userDefined: 4 } as const;

/** Tokens of a vocabulary and what is known of each. */
interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[] | undefined;
  /** Id by token. */
  readonly ids: Readonly<Record<string, number>>;
}

/**
 * The tokenizer of a GGUF file in Hugging Face's form: byte-level BPE (`gpt2`) or SentencePiece BPE (`llama`).
 *
 * @throws {CheckpointError} `TOKENIZER` or `CONFIG`, naming file and key.
 */
export function tokenizerFromGguf(fields: MetadataFields): TokenizerFiles {
  const kind = fields.string(key("model"));
  if (kind === undefined)
    throw fields.error(key("model"), "is missing: the file has no tokenizer", "TOKENIZER");
  const vocabulary = readVocabulary(fields);
  if (kind !== "gpt2" && kind !== "llama") {
    throw fields.error(key("model"), `is "${kind.slice(0, 60)}", supported: gpt2, llama`, "TOKENIZER");
  }
  const { bosByDefault, ...parts } =
    kind === "gpt2" ? byteLevel(fields, vocabulary) : sentencePiece(fields, vocabulary);
  const addBos = fields.boolean(key("add_bos_token")) ?? bosByDefault;
  const bos = specialToken(fields, vocabulary, "bos_token_id");
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary),
    ...parts,
    post_processor: addBos && bos !== undefined ? beginsWith(bos, vocabulary.ids[bos]!) : null,
  };
  return { json, settings: tokenizerSettings(fields, vocabulary, addBos) };
}

function readVocabulary(fields: MetadataFields): Vocabulary {
  const tokens = fields.required(key("tokens"), fields.strings);
  const types = fields.numbers(key("token_type"));
  if (types && types.length !== tokens.length) {
    throw fields.error(
      key("token_type"),
      `has ${types.length} entries for ${tokens.length} tokens`,
      "TOKENIZER",
    );
  }
  const ids: Record<string, number> = Object.create(null);
  for (const [id, token] of tokens.entries()) ids[token] ??= id;
  return { tokens, types, ids };
}

function byteLevel(fields: MetadataFields, { ids }: Vocabulary) {
  const name = fields.string(key("pre")) ?? "default";
  const cut = preTokenizers.get(name);
  if (!cut) {
    const known = [...preTokenizers.keys()];
    const shown = name.slice(0, 60);
    throw fields.error(
      key("pre"),
      `is "${shown}"${didYouMean(shown, known)}, supported: ${known.join(", ")}; put the model's tokenizer.json beside its safetensors`,
      "TOKENIZER",
    );
  }
  const splits = cut.patterns.map((Regex) => ({
    ...{ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false },
  }));
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  return {
    bosByDefault: cut.addsBos ?? false,
    normalizer: cut.normalizer ? { type: cut.normalizer } : null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [...splits, bytes] },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: bpe({
      vocab: ids,
      merges: fields.required(key("merges"), fields.strings).map((merge) => pairOf(fields, merge)),
      ignore_merges: cut.ignoreMerges ?? false,
    }),
  };
}

function pairOf(fields: MetadataFields, merge: string): [string, string] {
  const [left, right, ...more] = merge.split(" ");
  if (left && right && more.length === 0) return [left, right];
  throw fields.error(key("merges"), `holds "${merge.slice(0, 60)}", which is no pair of tokens`, "TOKENIZER");
}

function sentencePiece(fields: MetadataFields, { tokens, ids, types }: Vocabulary) {
  const scores = fields.required(key("scores"), fields.numbers);
  if (scores.length !== tokens.length) {
    throw fields.error(
      key("scores"),
      `has ${scores.length} entries for ${tokens.length} tokens`,
      "TOKENIZER",
    );
  }
  const prefix = fields.boolean(key("add_space_prefix")) ?? true;
  const unknown = tokens[fields.count(key("unknown_token_id")) ?? types?.indexOf(tokenTypes.unknown) ?? 0];
  const space = { type: "Replace", pattern: { String: " " }, content: "▁" };
  return {
    bosByDefault: true,
    normalizer: {
      type: "Sequence",
      normalizers: prefix ? [{ type: "Prepend", prepend: "▁" }, space] : [space],
    },
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(prefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: bpe({
      vocab: ids,
      merges: mergesFromScores(tokens, scores),
      unk_token: unknown ?? null,
      fuse_unk: true,
      byte_fallback: true,
    }),
  };
}

const bpe = (settings: Record<string, unknown>) => ({
  type: "BPE",
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
  ...settings,
});

/** Tokens that are found in a text before it is cut: control tokens and those that users defined. */
function addedTokens({ tokens, types = [] }: Vocabulary) {
  const added: Record<string, unknown>[] = [];
  for (const [id, content] of tokens.entries()) {
    const type = types[id];
    const special = type === tokenTypes.control || type === tokenTypes.unknown;
    if (!special && type !== tokenTypes.userDefined) continue;
    added.push({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special });
  }
  return added;
}

/** The token a key of the metadata names, or undefined. */
function specialToken(fields: MetadataFields, { tokens }: Vocabulary, name: string): string | undefined {
  const id = fields.count(key(name));
  if (id === undefined) return undefined;
  const token = tokens[id];
  if (token !== undefined) return token;
  throw fields.error(key(name), `is ${id}, the vocabulary has ${tokens.length} tokens`, "TOKENIZER");
}

function beginsWith(token: string, id: number) {
  const special = (type_id: number) => ({ SpecialToken: { id: token, type_id } });
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  return {
    type: "TemplateProcessing",
    single: [special(0), sequence("A", 0)],
    pair: [special(0), sequence("A", 0), special(1), sequence("B", 1)],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}

function tokenizerSettings(fields: MetadataFields, vocabulary: Vocabulary, addBos: boolean) {
  const settings: Record<string, unknown> = {
    tokenizer_class: "PreTrainedTokenizerFast",
    clean_up_tokenization_spaces: false,
    add_bos_token: addBos,
  };
  for (const [ours, theirs] of [
    ["bos_token", "bos_token_id"],
    ["eos_token", "eos_token_id"],
    ["unk_token", "unknown_token_id"],
    ["pad_token", "padding_token_id"],
  ] as const) {
    const token = specialToken(fields, vocabulary, theirs);
    if (token !== undefined) settings[ours] = token;
  }
  const template = fields.string("tokenizer.chat_template");
  if (template !== undefined) settings.chat_template = template;
  return settings;
}
