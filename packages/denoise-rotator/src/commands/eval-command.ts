import { OptionError } from "@denoise-rotator/core";
import { type Beginning, beginnings, type Sampler, samplers } from "@denoise-rotator/evaluators";
import { Command, Option } from "commander";
import { evaluateModel, type ModelEvaluation } from "../evaluation/evaluate-model.js";
import { loadEvaluators } from "../evaluation/load-evaluators.js";
import { openBackend } from "../pipeline/backends.js";
import { fetchOptions } from "../pipeline/fetch-options.js";
import { addBackendOptions, addDenseOption, addThreadsOption, type BackendFlags } from "./backend-options.js";
import { evaluationNotes, evaluationTable } from "./evaluation-table.js";
import { interruptible } from "./interrupt.js";
import { addMemoryOptions, type MemoryFlags } from "./memory-options.js";
import { addEvaluationOptions, integer, jsonOption, list, modelArgument } from "./options.js";
import { createProgress } from "./progress.js";

export interface EvaluateFlags extends BackendFlags, MemoryFlags {
  readonly threads?: number;
  readonly dense?: boolean;
  readonly tasks?: string[];
  readonly data?: string;
  readonly limit?: number;
  readonly fewShot: number;
  readonly shots: Sampler;
  readonly seed: number;
  readonly evalText?: string;
  readonly evalWindows: number;
  readonly seqlen?: number;
  readonly stride?: number;
  readonly bos?: Beginning;
}

interface EvalFlags extends EvaluateFlags {
  readonly samples?: boolean;
  readonly json?: boolean;
}

export function evalCommand(): Command {
  const command = new Command("eval")
    .summary("perplexity and zero-shot tasks of checkpoints")
    .description(
      "Perplexity over fixed windows of held-out text, and zero-shot tasks as lm-evaluation-harness asks them, streaming " +
        "block by block; several models side by side.",
    )
    .argument("<model...>", modelArgument);
  return addTaskOptions(command)
    .option("--samples", "keep what every window and row came to in --json, for compare")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  denoise-rotator eval tiny ./pruned --tasks perplexity,continuation\n" +
        "  denoise-rotator eval ./Llama-3.2-1B --tasks piqa,arc_easy --limit 200\n" +
        "  denoise-rotator eval tiny --tasks ./my-task.mjs --json",
    )
    .action(runEval);
}

/** What `eval` and `compare` share. */
export function addTaskOptions(command: Command): Command {
  command
    .option(
      "--tasks <list>",
      "perplexity, wikitext2, c4, ptb, tasks by name, or modules of yours (./my-task.mjs); default: perplexity",
      list,
    )
    .option(
      "--data <directory>",
      "rows of tasks, as <task>/<split>.jsonl, .json or parquet, and of wikitext2, c4, ptb (default: the Hugging Face Hub)",
    )
    .option(
      "--limit <n>",
      "rows of each task, windows of wikitext2, c4, ptb at most, from the first on",
      integer(1),
    )
    .option("--few-shot <n>", "examples before each row", integer(0), 0)
    .addOption(
      new Option("--shots <sampler>", "random examples for each row, or the first rows")
        .choices(samplers)
        .default("random"),
    )
    .option("--seed <n>", "of --shots random", integer(0), 1234)
    .option("--seqlen <n>", "tokens per window (default: the model's context, at most 2048)", integer(2))
    .option(
      "--stride <n>",
      "of wikitext2, c4, ptb: tokens between windows that overlap (default: windows end to end)",
      integer(1),
    )
    .addOption(
      new Option("--bos <where>", "of wikitext2, c4, ptb: where the token for a text's beginning stands")
        .choices(beginnings)
        .default("text"),
    );
  addMemoryOptions(addDenseOption(addThreadsOption(addBackendOptions(command))));
  return addEvaluationOptions(command);
}

async function runEval(names: readonly string[], flags: EvalFlags): Promise<void> {
  const found = await evaluateModels(names, flags, flags.samples ?? false, flags.json ?? false);
  if (flags.json) {
    const [first] = found;
    process.stdout.write(`${JSON.stringify(found.length === 1 ? first : { models: found })}\n`);
    return;
  }
  const notes = evaluationNotes(found).map((note) => `${note}\n`);
  process.stdout.write(`${evaluationTable(found)}\n${notes.join("")}`);
}

/** Evaluates models one after another on one backend. */
export async function evaluateModels(
  names: readonly string[],
  flags: EvaluateFlags,
  samples: boolean,
  quiet: boolean,
): Promise<ModelEvaluation[]> {
  const wanted = flags.tasks ?? ["perplexity"];
  const perplexity = wanted.includes("perplexity") && {
    text: flags.evalText ?? null,
    windows: flags.evalWindows,
    ...(flags.seqlen === undefined ? {} : { windowLength: flags.seqlen }),
  };
  if (!perplexity && flags.evalText) {
    throw new OptionError("--eval-text: is for perplexity, which --tasks does not name");
  }
  const progress = createProgress(quiet);
  const { signal, restore } = interruptible();
  const evaluators = await loadEvaluators(
    wanted.filter((task) => task !== "perplexity"),
    {
      data: flags.data,
      windowLength: flags.seqlen,
      stride: flags.stride,
      beginning: flags.bos,
      hub: fetchOptions({ onProgress: progress.update, onNotice: progress.note, signal }),
    },
  );
  const device = await openBackend(flags.backend, flags);
  try {
    const found: ModelEvaluation[] = [];
    for (const name of names) {
      const evaluation = await evaluateModel(name, device, {
        perplexity: perplexity || undefined,
        memory: flags,
        evaluators,
        data: flags.data,
        limit: flags.limit,
        fewShot: { count: flags.fewShot, sampler: flags.shots, seed: flags.seed },
        samples,
        dense: flags.dense,
        progress: (event) =>
          progress.update(names.length > 1 ? { ...event, stage: `${name}: ${event.stage}` } : event),
        onNotice: progress.note,
        signal,
      });
      found.push(evaluation);
    }
    return found;
  } finally {
    progress.stop();
    restore();
    await device.dispose();
  }
}
