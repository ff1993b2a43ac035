import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { OptionError } from "@denoise-rotator/core";
import { createPruner, type Pruner, prunerNames } from "@denoise-rotator/pruners";
import { Command, Option } from "commander";
import { shortage } from "../pipeline/memory/memory-plan.js";
import { planPrune } from "../pipeline/memory/run-plan.js";
import { outputFormats, type PruneOptions, rotateModes } from "../pipeline/options.js";
import { pruneModel } from "../pipeline/prune-model.js";
import type { RunRecord } from "../pipeline/run-record.js";
import { addBackendOptions, addDenseOption, addThreadsOption, type BackendFlags } from "./backend-options.js";
import { interruptible } from "./interrupt.js";
import { addMemoryOptions, describePlan } from "./memory-options.js";
import { addEvaluationOptions, integer, jsonOption, list, modelArgument, sparsity } from "./options.js";
import { createProgress, printLine } from "./progress.js";

import { addQualityOptions } from "./quality-options.js";
import { addRotationOptions } from "./rotation-options.js";
import { formatTable } from "./tables.js";

interface PruneFlags
  extends BackendFlags,
    Omit<PruneOptions, "model" | "backend" | "evaluate" | "sequenceLength" | "evaluationText" | "pruner"> {
  readonly pruner: string;
  readonly seqlen?: number;
  readonly eval?: boolean;
  readonly evalPlain?: boolean;
  readonly evalText?: string;
  readonly evalWindows: number;
  readonly json?: boolean;
  readonly dryRun?: boolean;
}

export function pruneCommand(): Command {
  const command = new Command("prune")
    .summary("rotate, prune and save a checkpoint")
    .description(
      "Learns rotations that concentrate importance on few weights, merges them, prunes, and writes a checkpoint " +
        "in the Hugging Face layout with run.json and report.html beside it. MODEL is a directory, a GGUF file, org/name on the Hugging Face Hub, or " +
        "`tiny` for the embedded model.",
    )
    .argument("<model>", modelArgument)
    .option(
      "--pruner <name>",
      `${prunerNames().join(", ")}, or a module of yours (./my-pruner.mjs)`,
      "sparsegpt",
    )
    .option(
      "--sparsity <pattern>",
      "2:4, any N:M (N kept of every M), N:M/R (the same ones in every R rows), or a share removed such as 0.5",
      sparsity,
      "2:4",
    )
    .addOption(
      new Option(
        "--rotate <mode>",
        "rotations before pruning: one a block, one shared by all (an ordinary checkpoint), or none",
      )
        .choices(rotateModes)
        .default("per-block"),
    )
    .option("--skip <list>", "blocks (3), sites (downProj) or both (3.downProj) left dense", list, [])
    .option(
      "--calibration <source>",
      "embedded, a text file, a directory of .txt files, or c4 or wikitext2 as published code draws them",
      "embedded",
    )
    .option("--calibration-data <folder>", "rows of c4 or wikitext2 (default: the Hugging Face Hub)")
    .option("--samples <n>", "calibration windows (default: 64, with --quality best 256)", integer(1))
    .option("--seqlen <n>", "tokens per window (default: the model's context, at most 2048)", integer(2))
    .option("--seed <n>", "draw random calibration windows (default: evenly spaced ones)", integer(0))
    .option("--out <directory>", "where the pruned checkpoint goes")
    .addOption(
      new Option("--format <name>", "how pruned weights are stored; packed (N:M): kept values and positions")
        .choices(outputFormats)
        .default("plain"),
    )
    .option("--force", "replace what exists at --out, and what an interrupted run left")
    .option("--resume", "go on where an interrupted run with the same options ended, to the same bytes")
    .option("--rotation <file>", "use saved rotations instead of learning")
    .option("--save-rotation <file>", "keep the learned rotations")
    .option("--eval", "evaluate the dense and the pruned model")
    .option("--eval-plain", "evaluate the pruner without rotation too, in a run of its own (with --eval)");
  addDenseOption(addThreadsOption(addBackendOptions(command)));
  addMemoryOptions(command).option("--dry-run", "print what memory the run would take, and stop");
  addQualityOptions(command);
  addRotationOptions(command);
  addEvaluationOptions(command)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  denoise-rotator prune tiny --eval\n" +
        "  denoise-rotator prune ./Llama-3.2-1B --calibration c4 --out ./Llama-3.2-1B-2of4\n" +
        "  denoise-rotator prune tiny --quality best --eval\n" +
        "  denoise-rotator prune ./Qwen2.5-0.5B --rotate shared --out ./Qwen2.5-0.5B-2of4\n" +
        "  denoise-rotator prune tiny --sparsity 0.5 --allocation sensitivity --eval\n" +
        "  denoise-rotator prune tiny --pruner wanda --sparsity 0.5 --rotate none --eval\n" +
        "  denoise-rotator prune tiny --objective entropy --steps 200 --eval     # the paper's recipe, shortened",
    );
  return command.action(runPrune);
}

async function runPrune(model: string, flags: PruneFlags): Promise<void> {
  const { seqlen, eval: evaluate, evalPlain, evalText, evalWindows, json, pruner, dryRun, ...rest } = flags;
  const request: PruneOptions = {
    ...rest,
    model,
    pruner: await resolvePruner(pruner),
    evaluate: (evaluate || evalPlain) ?? false,
    evaluatePlain: evalPlain ?? false,
    evaluationWindows: evalWindows,
    ...(seqlen === undefined ? {} : { sequenceLength: seqlen }),
    ...(evalText === undefined ? {} : { evaluationText: evalText }),
  };
  if (dryRun) {
    const plan = await planPrune(request);
    process.stdout.write(json ? `${JSON.stringify(plan)}\n` : `${describePlan(plan)}\n`);
    if (shortage(plan) !== undefined) process.exitCode = 1;
    return;
  }
  const progress = createProgress(json ?? false);
  const { signal, restore } = interruptible();
  try {
    const record = await pruneModel({
      ...request,
      onProgress: progress.update,
      onNotice: json ? printLine : progress.note,
      signal,
    });
    progress.stop();
    process.stdout.write(json ? `${JSON.stringify(record)}\n` : `${summarise(record)}\n`);
  } finally {
    progress.stop();
    restore();
  }
}

/** A registered name, or the default export of a module. */
async function resolvePruner(name: string): Promise<Pruner> {
  if (!/[./\\]/.test(name)) return builtIn(name);
  const path = isAbsolute(name) ? name : resolve(name);
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new OptionError(`--pruner ${name}: the module cannot be loaded (${(error as Error).message})`);
  }
  const candidate = module.default as Partial<Pruner> | undefined;
  if (typeof candidate?.name !== "string" || typeof candidate.prune !== "function" || !candidate.importance) {
    throw new OptionError(
      `--pruner ${name}: the default export must be { name, importance, prune(site, pattern) }`,
    );
  }
  return candidate as Pruner;
}

function builtIn(name: string): Pruner {
  try {
    return createPruner(name);
  } catch (error) {
    throw new OptionError(`--pruner: ${(error as Error).message}`);
  }
}

function summarise(record: RunRecord): string {
  const rows = record.blocks.map(({ name, rotation, sites }) => {
    const mean = (figure: "sparsity" | "error") =>
      sites.reduce((sum, site) => sum + site[figure], 0) / Math.max(1, sites.length);
    const objective = rotation?.objective;
    return [
      name,
      objective ? `${objective.unrotated.toPrecision(4)} → ${objective.best.toPrecision(4)}` : "–",
      rotation?.invarianceError?.toExponential(1) ?? "–",
      mean("sparsity").toFixed(3),
      mean("error").toFixed(4),
    ];
  });
  const head = ["block", `objective (${record.options.objective})`, "invariance", "sparsity", "error"];
  const lines = [formatTable(head, rows)];
  const { sharedRotation: shared } = record;
  if (shared) {
    lines.push(
      `shared rotation: objective ${shared.unrotated.toPrecision(4)} → ${shared.best.toPrecision(4)}`,
    );
  }
  if (record.evaluation) {
    const { dense, pruned, plain } = record.evaluation;
    const baseline =
      plain && plain.perplexity !== pruned.perplexity
        ? `, without rotation ${plain.perplexity.toFixed(3)}`
        : "";
    lines.push(
      `perplexity: dense ${dense.perplexity.toFixed(3)}, pruned ${pruned.perplexity.toFixed(3)}${baseline}`,
    );
  }
  lines.push(
    record.options.out
      ? `wrote ${record.options.out}`
      : "nothing was kept; --out DIRECTORY writes the checkpoint",
    `${record.seconds.toFixed(1)} s, peak memory ${(record.peakMemoryBytes / 2 ** 20).toFixed(0)} MiB`,
  );
  return lines.join("\n");
}
