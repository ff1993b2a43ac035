import type { Tokenizer } from "@denoise-rotator/checkpoint";
import { OptionError } from "@denoise-rotator/core";
import {
  type ChatMessage,
  chatPrompt,
  checkMemory,
  checkPrompt,
  type FinishReason,
  type Model,
  TextGenerator,
} from "@denoise-rotator/models";
import { Command } from "commander";
import { openBackend } from "../pipeline/backends.js";
import { fetchOptions } from "../pipeline/fetch-options.js";
import { openNamedModel } from "../pipeline/named-model.js";
import { addBackendOptions, addDenseOption, addThreadsOption, type BackendFlags } from "./backend-options.js";
import { interruptible } from "./interrupt.js";
import { integer, jsonOption, modelArgument, nonNegative, share, texts } from "./options.js";
import { createProgress } from "./progress.js";

interface GenerateFlags extends BackendFlags {
  readonly threads?: number;
  readonly dense?: boolean;
  readonly prompt: string;
  readonly chat?: boolean;
  readonly system?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly stop?: readonly string[];
  readonly json?: boolean;
}

export function generateCommand(): Command {
  const command = new Command("generate")
    .summary("what a checkpoint writes on from a prompt")
    .description(
      "Writes on from a prompt, to standard output as it comes. All weights are in memory, in float32; the command says how " +
        "much that takes and refuses what does not fit. Without --temperature the likeliest token is taken each time.",
    )
    .argument("<model>", modelArgument)
    .requiredOption(
      "--prompt <text>",
      "what to write on from; the tokenizer puts its beginning token before it",
    )
    .option("--chat", "the prompt is what a user says: ask by the model's chat template")
    .option("--system <text>", "with --chat: what the model is told before")
    .option("--max-tokens <n>", "new tokens at most", integer(1), 128)
    .option(
      "--temperature <t>",
      "draw tokens from the model's probabilities at this temperature",
      nonNegative,
      0,
    )
    .option("--top-p <share>", "draw from the fewest tokens that have this probability together", share, 1)
    .option("--seed <n>", "of the draws", integer(0), 0)
    .option("--stop <text>", "end the text before this; may be given more than once", texts);
  addDenseOption(addThreadsOption(addBackendOptions(command))).addOption(jsonOption());
  return command.action(runGenerate);
}

async function runGenerate(name: string, flags: GenerateFlags): Promise<void> {
  const progress = createProgress(flags.json ?? false);
  const { signal, restore } = interruptible();
  const device = await openBackend(flags.backend, flags);
  try {
    const fetching = fetchOptions({ onProgress: progress.update, onNotice: progress.note, signal });
    await using model = await openNamedModel(name, device, { ...fetching, dense: flags.dense });
    const prompt = promptOf(await model.tokenizer, flags);
    checkPrompt(prompt, model.contextLength);
    const capacity = Math.min(model.contextLength, prompt.length + flags.maxTokens);
    const need = checkMemory(model, capacity);
    if (!flags.json) progress.note(`${Math.ceil(need.total / 1e6)} MB for weights, keys and values`);
    using generator = await TextGenerator.load(model, {
      capacity,
      signal,
      onProgress: (block, blocks) => progress.update({ stage: "load", block, blocks }),
    });
    progress.stop();
    const result = await write(generator, prompt, flags, signal);
    if (flags.json)
      process.stdout.write(`${JSON.stringify({ model: name, prompt: flags.prompt, ...result })}\n`);
    else process.stderr.write(`${summary(result, model)}\n`);
  } finally {
    progress.stop();
    restore();
    await device.dispose();
  }
}

function promptOf(tokenizer: Tokenizer, { prompt, chat, system }: GenerateFlags): Int32Array {
  if (!chat && system !== undefined) throw new OptionError("--system: goes with --chat only");
  if (!chat) return tokenizer.encode(prompt, { addSpecialTokens: true });
  const before: ChatMessage[] = system === undefined ? [] : [{ role: "system", content: system }];
  return chatPrompt(tokenizer, [...before, { role: "user", content: prompt }]);
}

interface Written {
  readonly text: string;
  readonly finish: FinishReason;
  readonly promptTokens: number;
  readonly tokens: number;
  /** Until the first token. */
  readonly promptSeconds: number;
  /** For all tokens after the first. */
  readonly seconds: number;
  /** Of the tokens after the first; null where there is none. */
  readonly tokensPerSecond: number | null;
}

/** Text goes to standard output as it comes, unless one JSON object will. */
async function write(
  generator: TextGenerator,
  prompt: Int32Array,
  flags: GenerateFlags,
  signal: AbortSignal,
): Promise<Written> {
  const { maxTokens, temperature, topP, seed, stop, json } = flags;
  const started = performance.now();
  let first = started;
  let text = "";
  let tokens = 0;
  let finish: FinishReason = "length";
  for await (const piece of generator.generate(prompt, {
    maxTokens,
    temperature,
    topP,
    seed,
    stop,
    signal,
  })) {
    if (tokens++ === 0) first = performance.now();
    text += piece.text;
    finish = piece.finish ?? finish;
    if (!json) process.stdout.write(piece.text);
  }
  if (!json) process.stdout.write("\n");
  const seconds = (performance.now() - first) / 1000;
  const tokensPerSecond = tokens > 1 ? (tokens - 1) / seconds : null;
  const promptSeconds = (first - started) / 1000;
  return { text, finish, promptTokens: prompt.length, tokens, promptSeconds, seconds, tokensPerSecond };
}

function summary(written: Written, model: Model): string {
  const { promptTokens, tokens, promptSeconds, tokensPerSecond, finish } = written;
  const reason = {
    end: "the model ended the text",
    stop: "--stop was reached",
    length: "--max-tokens was reached",
    context: `the model's context of ${model.contextLength} tokens is full`,
  }[finish];
  const speed = tokensPerSecond === null ? "" : `, ${tokensPerSecond.toFixed(1)} tokens/s`;
  return `${promptTokens} prompt tokens in ${promptSeconds.toFixed(2)} s, ${tokens} new${speed}; ${reason}`;
}
