import { join } from "node:path";
import { fileSource } from "@denoise-rotator/hub";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { checkTokenizerJson } from "./check-tokenizer.js";
import { CheckpointError } from "./errors.js";
import { type OpenSource, openIfPresent, readJsonObject, readText } from "./json-file.js";
import { limits } from "./limits.js";
import { type PieceEncoder, pieceEncoder } from "./piece-encoder.js";

export interface EncodeOptions {
  /** Add what the tokenizer puts around a text, e.g. a token for its beginning. Default false. */
  addSpecialTokens?: boolean;
}

export interface DecodeOptions {
  /** Leave out tokens marked special. Default false. */
  skipSpecialTokens?: boolean;
}

/**
 * Opens the `tokenizer.json` of a directory; `tokenizer_config.json` beside it names the special tokens, and it or
 * `chat_template.jinja` has the chat template.
 * @throws {CheckpointError} `NOT_FOUND` or `TOKENIZER`, naming the file.
 */
export async function openTokenizer(
  directory: string,
  openSource: OpenSource = fileSource,
): Promise<Tokenizer> {
  const source = await openIfPresent(directory, "tokenizer.json", openSource);
  if (!source) {
    throw new CheckpointError(
      "NOT_FOUND",
      `${directory}: has no tokenizer.json; fetch it from where the model is from`,
    );
  }
  const json = await readJsonObject(source, limits.tokenizerBytes);
  const settings = await openIfPresent(directory, "tokenizer_config.json", openSource);
  const config = settings ? await readJsonObject(settings, limits.configBytes) : {};
  const template = await openIfPresent(directory, "chat_template.jinja", openSource);
  const chat = template ? { chat_template: await readText(template, limits.configBytes) } : {};
  return new Tokenizer(json, { ...config, ...chat }, join(directory, "tokenizer.json"));
}

/** Text to token ids and back, as the Hugging Face tokenizer of the same file does it. */
export class Tokenizer {
  /** Path of the file, for messages. */
  readonly name: string;
  /** Number of token ids: one more than the largest. */
  readonly size: number;
  /** The token that begins a text, if `tokenizer_config.json` names one. */
  readonly bosId: number | undefined;
  /** The token that ends a text, if `tokenizer_config.json` names one. */
  readonly eosId: number | undefined;
  /** The Jinja template that makes a text of a conversation, if there is one. */
  readonly chatTemplate: string | undefined;
  readonly #library: Library;
  readonly #encodePieces: PieceEncoder | undefined;
  #around: { before: readonly number[]; after: readonly number[] } | undefined;

  /** @param json the object in `tokenizer.json`. @param config that in `tokenizer_config.json`. */
  constructor(
    json: Readonly<Record<string, unknown>>,
    config: Readonly<Record<string, unknown>> = {},
    name = "tokenizer.json",
  ) {
    this.name = name;
    checkTokenizerJson(name, json);
    const read = this.#guarded(() => {
      const library = new Library(json, config);
      const added = [...library.get_added_tokens_decoder().keys()];
      const last = added.reduce((most, id) => Math.max(most, id), library.get_vocab().size - 1);
      return { library, last, encodePieces: pieceEncoder(library, json, config) };
    });
    this.#library = read.library;
    this.size = read.last + 1;
    this.#encodePieces = read.encodePieces;
    this.bosId = this.tokenId(tokenContent(config.bos_token));
    this.eosId = this.tokenId(tokenContent(config.eos_token));
    this.chatTemplate = defaultTemplate(config.chat_template);
  }

  /** The token ids of a text. */
  encode(text: string, options: EncodeOptions = {}): Int32Array<ArrayBuffer> {
    const ids = this.#guarded(
      () => this.#encodePieces?.(text) ?? this.#library.encode(text, { add_special_tokens: false }).ids,
    );
    const { before, after } = options.addSpecialTokens ? this.#specialAround() : { before: [], after: [] };
    const out = new Int32Array(before.length + ids.length + after.length);
    out.set(before);
    for (let i = 0; i < ids.length; i++) out[before.length + i] = this.#known(ids[i]);
    out.set(after, before.length + ids.length);
    return out;
  }

  /** The text of token ids. */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const list = Array.from(ids);
    for (const id of list) {
      if (this.token(id) === undefined)
        throw new CheckpointError("TOKENIZER", `${this.name}: has no token of id ${id}`);
    }
    if (list.length === 0) return "";
    return this.#guarded(() =>
      this.#library.decode(list, {
        skip_special_tokens: options.skipSpecialTokens ?? false,
        clean_up_tokenization_spaces: false,
      }),
    );
  }

  /** The id of a token as the file spells it, e.g. `<|eot|>`. */
  tokenId(token: string | undefined): number | undefined {
    return token === undefined ? undefined : this.#library.token_to_id(token);
  }

  /** The token of an id, as the file spells it. */
  token(id: number): string | undefined {
    return this.#library.id_to_token(id);
  }

  /** The library trusts its file: what it throws where a part of it is not as it should be becomes an error that says so. */
  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw new CheckpointError(
        "TOKENIZER",
        `${this.name}: is not a tokenizer this release can read; is it damaged?`,
        { cause },
      );
    }
  }

  #known(id: number | undefined): number {
    if (id !== undefined && id >= 0) return id;
    throw new CheckpointError("TOKENIZER", `${this.name}: the text holds a character it has no token for`);
  }

  /** What the post-processor puts around every text, found by encoding a short one with and without it. */
  #specialAround(): { before: readonly number[]; after: readonly number[] } {
    if (!this.#around) {
      const idsOf = (add_special_tokens: boolean) =>
        this.#guarded(() => this.#library.encode("a", { add_special_tokens }).ids);
      const [plain, full] = [idsOf(false), idsOf(true)];
      let start = 0;
      while (start + plain.length < full.length && plain.some((id, i) => full[start + i] !== id)) start++;
      this.#around = { before: full.slice(0, start), after: full.slice(start + plain.length) };
    }
    return this.#around;
  }
}

/** A chat template is given by its text, or as one of a list with names. */
function defaultTemplate(value: unknown): string | undefined {
  if (!Array.isArray(value)) return typeof value === "string" ? value : undefined;
  const named = value as readonly ({ name?: unknown; template?: unknown } | null)[];
  const template = named.find((each) => each?.name === "default")?.template;
  return typeof template === "string" ? template : undefined;
}

/** A special token is given by its text or by an object that holds it. */
function tokenContent(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === "string" ? content : undefined;
}
