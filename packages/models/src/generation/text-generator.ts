import { OptionError, Random } from "@denoise-rotator/core";
import type { Model } from "../model.js";
import { checkSampling, chooseToken, type SamplingOptions } from "./choose-token.js";
import { endTokens } from "./end-tokens.js";
import { checkMemory, type MemoryNeed } from "./memory-need.js";
import { type LoadWeightsOptions, ResidentWeights } from "./resident-weights.js";
import { Sequence } from "./sequence.js";
import { StopText } from "./stop-text.js";
import { TextStream } from "./text-stream.js";

export interface TokenOptions extends SamplingOptions {
  /** New tokens at most; default 128. */
  readonly maxTokens?: number | undefined;
  /** Of the random choices; the same seed gives the same text on one backend. Default 0. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface GenerateOptions extends TokenOptions {
  /** Strings that end the text; they are not part of it. */
  readonly stop?: readonly string[] | undefined;
  /** Puts around a prompt given as text what the tokenizer puts around every text. Default true. */
  readonly addSpecialTokens?: boolean | undefined;
}

/** Why a text ends: a token of the model's, a string of `stop`, `maxTokens`, or the model's context is full. */
export type FinishReason = "end" | "stop" | "length" | "context";

/** A new token; `finish` is set on the last one. */
export interface NextToken {
  readonly id: number;
  readonly finish: Exclude<FinishReason, "stop"> | undefined;
}

/** A new token as text. */
export interface TextPiece {
  readonly id: number;
  /** Text that it completes: characters may be spread over several tokens, and what may be a stop string is held back. */
  readonly text: string;
  /** Set on the last one. */
  readonly finish: FinishReason | undefined;
}

export interface LoadGeneratorOptions extends LoadWeightsOptions {
  /** Tokens that sequences should have room for when memory is checked; default what fits the model, at most 2048. */
  readonly capacity?: number | undefined;
}

/**
 * Writes on from a prompt. All weights of the model are on the device (unlike everywhere else, where one block is), in
 * float32 but for 2:4 ones that stay packed, and keys and values of the tokens so far. Whoever loads it disposes of it; the model stays the caller's.
 */
export class TextGenerator {
  readonly model: Model;
  /** What it was found to take before it was loaded. */
  readonly memory: MemoryNeed;
  /** Tokens that end a text. */
  readonly ends: ReadonlySet<number>;
  readonly #weights: ResidentWeights;

  private constructor(weights: ResidentWeights, memory: MemoryNeed, ends: ReadonlySet<number>) {
    this.model = weights.model;
    this.memory = memory;
    this.ends = ends;
    this.#weights = weights;
  }

  /** Bytes of the weights of all linear layers of the blocks where they lie: less where 2:4 ones stay packed. */
  get siteBytes(): number {
    return this.#weights.siteBytes;
  }

  /** @throws OutOfMemoryError before anything is loaded, saying what it takes and what there is. */
  static async load(model: Model, options: LoadGeneratorOptions = {}): Promise<TextGenerator> {
    const memory = checkMemory(model, options.capacity ?? Math.min(2048, model.contextLength));
    const ends = await endTokens(model);
    return new TextGenerator(await ResidentWeights.load(model, options), memory, ends);
  }

  /** An empty sequence of tokens, to be filled by hand. The caller disposes. */
  start(capacity = this.model.contextLength): Sequence {
    return new Sequence(this.#weights, capacity);
  }

  /** The ids of a prompt as {@link generate} takes it. */
  async encode(prompt: string, addSpecialTokens = true): Promise<Int32Array> {
    return (await this.model.tokenizer).encode(prompt, { addSpecialTokens });
  }

  /**
   * The text that follows a prompt, given as text or as ids, token by token.
   *
   * @throws as {@link tokens}; CheckpointError where the model has no tokenizer.
   */
  async *generate(
    prompt: string | Int32Array,
    options: GenerateOptions = {},
  ): AsyncGenerator<TextPiece, void> {
    const tokenizer = await this.model.tokenizer;
    const ids = typeof prompt === "string" ? await this.encode(prompt, options.addSpecialTokens) : prompt;
    const texts = new TextStream(tokenizer, ids);
    const stops = new StopText(options.stop ?? []);
    for await (const { id, finish } of this.tokens(ids, options)) {
      const shown = stops.push((finish === "end" ? "" : texts.push(id)) + (finish ? texts.end() : ""));
      if (shown.stopped) {
        yield { id, text: shown.text, finish: "stop" };
        return;
      }
      yield { id, text: shown.text + (finish ? stops.end() : ""), finish };
    }
  }

  /**
   * The tokens that follow a prompt, one by one. The prompt goes through the blocks in one pass (in chunks of 512 tokens),
   * then a token at a time.
   *
   * @throws OptionError where the prompt is empty or leaves no room in the model's context; NonFiniteError where logits are
   * NaN or infinite, naming the position.
   */
  async *tokens(prompt: Int32Array, options: TokenOptions = {}): AsyncGenerator<NextToken, void> {
    const { maxTokens = 128, seed = 0, signal } = options;
    if (!Number.isInteger(maxTokens) || maxTokens < 1) {
      throw new OptionError(`maxTokens ${maxTokens} is not an integer ≥ 1`);
    }
    checkSampling(options);
    checkPrompt(prompt, this.model.contextLength);
    const random = new Random(seed);
    const room = this.model.contextLength - prompt.length;
    using sequence = this.start(prompt.length + Math.min(room, maxTokens));
    let next = prompt;
    for (let step = 1; ; step++) {
      const id = chooseToken(await sequence.append(next, { signal }), options, random);
      const ended = this.ends.has(id);
      const full = step === maxTokens ? "length" : step === room ? "context" : undefined;
      yield { id, finish: ended ? "end" : full };
      if (ended || full) return;
      next = Int32Array.of(id);
    }
  }

  dispose(): void {
    this.#weights.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @throws OptionError for a prompt without tokens, and for one that fills the context. */
export function checkPrompt(ids: Int32Array, contextLength: number): void {
  if (ids.length === 0) {
    throw new OptionError(
      "the prompt has no tokens, and the tokenizer puts none before a text; give some text",
    );
  }
  if (ids.length >= contextLength) {
    throw new OptionError(
      `the prompt has ${ids.length} tokens, which leaves no room in the model's context of ${contextLength}; shorten it`,
    );
  }
}
