import type { Tokenizer as Library } from "@huggingface/tokenizers";

/** Ids of a text (−1 where there is no token), or undefined where this text needs the library's own way. */
export type PieceEncoder = (text: string) => ArrayLike<number> | undefined;

interface Stage {
  type?: unknown;
  pretokenizers?: unknown;
  use_regex?: unknown;
  add_prefix_space?: unknown;
}

/** Pieces remembered before starting afresh, which bounds memory on adversarial text. */
const maxPieces = 1_000_000;

/**
 * A faster way through a byte-level BPE whose text is cut into pieces before the bytes are mapped (Llama 3, Qwen and
 * their like): the same piece always gives the same ids, so each distinct piece is encoded once. About ten times as
 * fast as the library on prose. Undefined for other tokenizers.
 */
export function pieceEncoder(
  library: Library,
  json: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
): PieceEncoder | undefined {
  const splitters = splitStages(json.pre_tokenizer);
  const model = json.model as { type?: unknown } | undefined;
  const rewrites = json.normalizer || config.remove_space || config.do_lowercase_and_remove_accent;
  if (!splitters || model?.type !== "BPE" || rewrites) return undefined;
  // The library's own stages, so that patterns mean exactly what they mean there.
  const stages = (library.pre_tokenizer as unknown as { tokenizers: Splitter[] }).tokenizers.slice(
    0,
    splitters,
  );
  const added = [...library.get_added_tokens_decoder().values()].map((token) => token.content);
  let known = new Map<string, readonly number[]>();
  return (text) => {
    if (added.some((content) => text.includes(content))) return undefined;
    const ids = new GrowingIds(text.length >> 1);
    for (const piece of stages.reduce<string[]>((pieces, stage) => stage.pre_tokenize(pieces), [text])) {
      let pieceIds = known.get(piece);
      if (!pieceIds) {
        if (known.size >= maxPieces) known = new Map();
        pieceIds = encodePiece(library, piece);
        known.set(piece, pieceIds);
      }
      ids.push(pieceIds);
    }
    return ids.values();
  };
}

interface Splitter {
  pre_tokenize(text: string[]): string[];
}

/** How many splitting stages come before a final byte-level stage that only maps bytes; undefined otherwise. */
function splitStages(preTokenizer: unknown): number | undefined {
  const { type, pretokenizers } = (preTokenizer ?? {}) as Stage;
  if (type !== "Sequence" || !Array.isArray(pretokenizers)) return undefined;
  const stages = pretokenizers as Stage[];
  const last = stages.at(-1);
  const onlyMaps = last?.type === "ByteLevel" && last.use_regex === false && !last.add_prefix_space;
  const splits = stages.slice(0, -1);
  return onlyMaps && splits.length > 0 && splits.every((stage) => stage.type === "Split")
    ? splits.length
    : undefined;
}

/** Ids of one piece through the library's last stage and model; −1 marks what it has no token for. */
function encodePiece(library: Library, piece: string): readonly number[] {
  const stages = (library.pre_tokenizer as unknown as { tokenizers: Splitter[] }).tokenizers;
  const tokens = (library.model as unknown as { encode(pieces: string[]): string[] }).encode(
    stages.at(-1)!.pre_tokenize([piece]),
  );
  return tokens.map((token) => library.token_to_id(token) ?? -1);
}

/** An array of ids that doubles as it fills. */
class GrowingIds {
  #ids: Int32Array;
  #length = 0;

  constructor(capacity: number) {
    this.#ids = new Int32Array(Math.max(capacity, 16));
  }

  push(values: readonly number[]): void {
    if (this.#length + values.length > this.#ids.length) {
      const larger = new Int32Array(Math.max(this.#ids.length * 2, this.#length + values.length));
      larger.set(this.#ids);
      this.#ids = larger;
    }
    for (const value of values) this.#ids[this.#length++] = value;
  }

  values(): Int32Array {
    return this.#ids.subarray(0, this.#length);
  }
}
