import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CheckpointError, openTokenizer } from "@denoise-rotator/checkpoint";
import { describe, expect, it } from "vitest";
import { chatPrompt } from "../src/index.js";
import { temporaryFolder } from "./random-checkpoint.js";

const file = fileURLToPath(new URL("../../tiny-llama/data/tokenizer.json", import.meta.url));
const chatMl =
  "{{ bos_token }}{% for message in messages %}[{{ message['role'] }}] {{ message['content'] | trim }}\n{% endfor %}" +
  "{% if add_generation_prompt %}[assistant] {% endif %}";

/** The embedded model's tokenizer with other settings, and files beside it. */
async function tokenizerWith(settings: Record<string, unknown>, files: Record<string, string> = {}) {
  const folder = await temporaryFolder();
  await copyFile(file, join(folder, "tokenizer.json"));
  const config = { bos_token: "<|eot|>", ...settings };
  await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(config));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return openTokenizer(folder);
}
const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: " What is a Senate? " },
] as const;
const expected = "<|eot|>[system] Be brief.\n[user] What is a Senate?\n[assistant] ";

describe("chatPrompt", () => {
  it.each<[string, Record<string, unknown>, Record<string, string>]>([
    ["tokenizer_config.json", { chat_template: chatMl }, {}],
    [
      "a list there",
      {
        chat_template: [
          { name: "tool_use", template: "x" },
          { name: "default", template: chatMl },
        ],
      },
      {},
    ],
    ["chat_template.jinja", { chat_template: "old" }, { "chat_template.jinja": chatMl }],
  ])("should ask by the template of %s, special tokens as tokens", async (_, settings, files) => {
    const tokenizer = await tokenizerWith(settings, files);
    const ids = chatPrompt(tokenizer, messages);
    expect(tokenizer.decode(ids)).toBe(expected);
    expect(ids[0]).toBe(tokenizer.bosId);
    expect(ids).toEqual(tokenizer.encode(expected));
  });

  it("should say where there is no template, or what it objects to", async () => {
    const plain = await tokenizerWith({});
    expect(() => chatPrompt(plain, messages)).toThrow(CheckpointError);
    expect(() => chatPrompt(plain, messages)).toThrow("the model has no chat template");
    const strict = await tokenizerWith({ chat_template: "{{ raise_exception('no system role') }}" });
    expect(() => chatPrompt(strict, messages)).toThrow("its chat template cannot be used (no system role)");
    const damaged = await tokenizerWith({ chat_template: "{% for %}" });
    expect(() => chatPrompt(damaged, messages)).toThrow(CheckpointError);
  });
});
