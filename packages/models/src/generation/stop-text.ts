import { OptionError } from "@denoise-rotator/core";

/** Lets text through up to the first of some strings; what may be the beginning of one is held back. */
export class StopText {
  readonly #stops: readonly string[];
  #held = "";

  /** @throws OptionError for an empty string. */
  constructor(stops: readonly string[]) {
    if (stops.includes("")) throw new OptionError("stop: an empty string would end every text; leave it out");
    this.#stops = stops;
  }

  /** What of the text so far may be shown and was not, and whether it ends there. */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    const all = this.#held + text;
    const found = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
    if (found.length > 0) {
      this.#held = "";
      return { text: all.slice(0, Math.min(...found)), stopped: true };
    }
    const kept = Math.max(0, ...this.#stops.map((stop) => beginningAtEnd(all, stop)));
    this.#held = all.slice(all.length - kept);
    return { text: all.slice(0, all.length - kept), stopped: false };
  }

  /** What was held back. */
  end(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }
}

/** Length of the longest end of `text` that `stop` begins with, shorter than `stop`. */
function beginningAtEnd(text: string, stop: string): number {
  let length = Math.min(text.length, stop.length - 1);
  while (length > 0 && !stop.startsWith(text.slice(text.length - length))) length--;
  return length;
}
