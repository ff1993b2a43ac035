import type { Tokenizer } from "@denoise-rotator/checkpoint";

/** Tokens of the prompt that show how the first new one continues it. */
const promptTail = 8;
/** What stands for bytes that are no character, or not yet. */
const replacement = "\uFFFD";

/**
 * Text of tokens as they come. Characters whose bytes are spread over tokens come out with the last of them, and spaces as
 * they follow what is before. Special tokens are left out.
 */
export class TextStream {
  readonly #tokenizer: Pick<Tokenizer, "decode">;
  /** Tokens whose text came out last, then those that came since. */
  #ids: number[];
  /** How many of {@link #ids} came out. */
  #shown: number;

  constructor(tokenizer: Pick<Tokenizer, "decode">, prompt: ArrayLike<number>) {
    this.#tokenizer = tokenizer;
    this.#ids = Array.from(prompt).slice(-promptTail);
    this.#shown = this.#ids.length;
  }

  /** The text that a token completes; often "". */
  push(id: number): string {
    this.#ids.push(id);
    const [before, now] = this.#texts();
    if (now.length <= before.length || now.endsWith(replacement)) return "";
    this.#ids = this.#ids.slice(this.#shown);
    this.#shown = this.#ids.length;
    return now.slice(sharedLength(before, now));
  }

  /** What is left, where the last character stayed incomplete. */
  end(): string {
    const [before, now] = this.#texts();
    this.#shown = this.#ids.length;
    return now.slice(sharedLength(before, now));
  }

  #texts(): [string, string] {
    const text = (ids: number[]) => this.#tokenizer.decode(ids, { skipSpecialTokens: true });
    return [text(this.#ids.slice(0, this.#shown)), text(this.#ids)];
  }
}

/** Length of the longest common beginning; not that of `before` where it ends within a character. */
function sharedLength(before: string, now: string): number {
  let length = 0;
  while (length < before.length && before[length] === now[length]) length++;
  return length;
}
