import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runIn } from "./command-line.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "denoise-rotator-generate-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const generate = (...args: string[]) => runIn(folder, "generate", "tiny", ...args);
const prompt = ["--prompt", "The Congress of the United States"];
const drawn = [...prompt, "--max-tokens", "24", "--temperature", "0.8", "--top-p", "0.9"];

describe("denoise-rotator generate", () => {
  it("should write the same text for the same seed, as it comes or as JSON, and say how fast", () => {
    const { stdout, stderr, status } = generate(...drawn, "--seed", "3", "--json");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ model: "tiny", prompt: prompt[1], finish: "length", tokens: 24 });
    expect(result.tokensPerSecond).toBeGreaterThan(0);
    expect(result.text.length).toBeGreaterThan(24);

    const streamed = generate(...drawn, "--seed", "3", "--threads", "1");
    expect(streamed.stdout).toBe(`${result.text}\n`);
    expect(streamed.stderr).toMatch(/MB for weights, keys and values/);
    expect(streamed.stderr).toMatch(/prompt tokens in .* 24 new, .* tokens\/s; --max-tokens was reached/);

    const stop = result.text.slice(10, 14);
    const stopped = JSON.parse(generate(...drawn, "--seed", "3", "--json", "--stop", stop).stdout);
    expect(stopped).toMatchObject({ finish: "stop", text: result.text.slice(0, result.text.indexOf(stop)) });
    expect(JSON.parse(generate(...drawn, "--seed", "4", "--json").stdout).text).not.toBe(result.text);
  });

  it.each<[string, number, RegExp, string[]]>([
    [
      "a prompt that fills the context",
      1,
      /the prompt has \d+ tokens.*context of 256/,
      ["--prompt", "Senate ".repeat(300)],
    ],
    ["--chat of a model without a template", 1, /has no chat template/, [...prompt, "--chat"]],
    ["--system without --chat", 2, /--system/, [...prompt, "--system", "Be brief."]],
    ["no prompt", 2, /--prompt/, []],
    ["an empty --stop", 2, /--stop/, [...prompt, "--stop", ""]],
    ["--top-p 2", 2, /--top-p/, [...prompt, "--top-p", "2"]],
    ["a temperature below 0", 2, /--temperature/, [...prompt, "--temperature", "-1"]],
  ])("should answer %s in one line", (_, code, message, args) => {
    const { status, stdout, stderr } = generate(...args);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(status).toBe(code);
  });
});
