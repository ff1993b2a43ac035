import { fileURLToPath } from "node:url";
import { openTokenizer } from "@denoise-rotator/checkpoint";
import { OptionError, Random, softmax, tensor } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseToken } from "../src/generation/choose-token.js";
import { StopText } from "../src/generation/stop-text.js";
import { TextStream } from "../src/generation/text-stream.js";

const tokenizer = await openTokenizer(fileURLToPath(new URL("../../tiny-llama/data", import.meta.url)));

describe("TextStream", () => {
  const pieces = (prompt: Int32Array, ids: ArrayLike<number>) => {
    const stream = new TextStream(tokenizer, prompt);
    return [...Array.from(ids, (id) => stream.push(id)), stream.end()];
  };

  const text = fc.string({ unit: "binary", maxLength: 6 });

  it("should give the text of the tokens, no character before it is whole", () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const [prompt, ids] = [tokenizer.encode(before), tokenizer.encode(after)];
        const parts = pieces(prompt, ids);
        expect(parts.join("")).toBe(after);
        if (!after.includes("\uFFFD")) for (const part of parts) expect(part).not.toContain("\uFFFD");
      }),
    );
    const emoji = tokenizer.encode("👍🏽é");
    expect(emoji.length).toBeGreaterThan(3);
    expect(pieces(Int32Array.of(), emoji).filter((part) => part !== "")).toEqual(["👍", "🏽", "é"]);
  });

  it("should give the text of any tokens, bytes that are no characters too", () => {
    const token = fc.integer({ min: 1, max: tokenizer.size - 1 });
    fc.assert(
      fc.property(fc.array(token), (ids) => {
        expect(pieces(Int32Array.of(), ids).join("")).toBe(
          tokenizer.decode(ids, { skipSpecialTokens: true }),
        );
      }),
    );
  });
});

describe("StopText", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 12 });
  const stops = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 }), {
    maxLength: 3,
  });

  it("should end a text before the first stop string, however the text is cut", () => {
    fc.assert(
      fc.property(fc.array(text), stops, (parts, found) => {
        const all = parts.join("");
        const starts = found.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
        const stopText = new StopText(found);
        let shown = "";
        let stopped = false;
        for (const part of parts) {
          const step = stopText.push(part);
          shown += step.text;
          stopped = step.stopped;
          if (stopped) break;
        }
        if (!stopped) shown += stopText.end();
        expect(stopped).toBe(starts.length > 0);
        // Which of several is met first depends on the cut; none of the shown text may hold one.
        expect(all.startsWith(shown)).toBe(true);
        for (const stop of found) expect(shown).not.toContain(stop);
        if (starts.length === 0) expect(shown).toBe(all);
      }),
    );
  });

  it("should hold back only what may begin a stop string", () => {
    const stopText = new StopText(["\n\n", "User:"]);
    expect(stopText.push("a\nUs")).toEqual({ text: "a\n", stopped: false });
    expect(stopText.push("e it")).toEqual({ text: "Use it", stopped: false });
    expect(stopText.push("\n")).toEqual({ text: "", stopped: false });
    expect(stopText.push("\nmore")).toEqual({ text: "", stopped: true });
    expect(() => new StopText([""])).toThrow(OptionError);
  });
});

describe("chooseToken", () => {
  const logits = Float32Array.of(0.5, 2, -1, 2, 1);

  it("should take the first of the likeliest at temperature 0, and draw nothing", () => {
    const random = new Random(0);
    expect(chooseToken(logits, {}, random)).toBe(1);
    expect(random.next()).toBe(new Random(0).next());
  });

  it.each([
    [1, 1],
    [0.5, 1],
    [2, 0.9],
    [1, 0.7],
    [1, 1e-9],
  ])(
    "should draw by the model's probabilities at temperature %d from the nucleus of %d",
    async (temperature, topP) => {
      using scaled = tensor(Array.from(logits, (x) => x / temperature));
      const all = Array.from((await softmax(scaled).read()) as Float32Array);
      const order = all.map((_, id) => id).sort((a, b) => all[b]! - all[a]! || a - b);
      const kept: number[] = [];
      let sum = 0;
      for (const id of order) {
        if (sum >= topP) break;
        kept.push(id);
        sum += all[id]!;
      }
      const random = new Random(1);
      const draws = 4000;
      const counts = logits.map(() => 0);
      for (let i = 0; i < draws; i++) counts[chooseToken(logits, { temperature, topP }, random)]! += 1;
      for (const [id, p] of all.entries()) {
        const expected = kept.includes(id) ? p / sum : 0;
        const error = 5 * Math.sqrt((expected * (1 - expected)) / draws);
        expect(Math.abs(counts[id]! / draws - expected)).toBeLessThanOrEqual(error);
      }
    },
  );
});
