import { Command } from "commander";
import { openBackend } from "../pipeline/backends.js";
import { evaluate } from "../pipeline/evaluate.js";
import { openNamedModel } from "../pipeline/named-model.js";
import { addBackendOptions, addThreadsOption, type BackendFlags } from "./backend-options.js";
import { interruptible } from "./interrupt.js";
import { addEvaluationOptions, integer, jsonOption } from "./options.js";
import { createProgress } from "./progress.js";

interface EvalFlags extends BackendFlags {
  readonly threads?: number;
  readonly evalText?: string;
  readonly evalWindows: number;
  readonly seqlen?: number;
  readonly json?: boolean;
}

export function evalCommand(): Command {
  const command = new Command("eval")
    .summary("perplexity of a checkpoint")
    .description("Perplexity over fixed windows of held-out text, streaming block by block.")
    .argument("<model>", "checkpoint directory, .gguf file, or tiny")
    .option("--seqlen <n>", "tokens per window (default: the model's context, at most 2048)", integer(2));
  addThreadsOption(addBackendOptions(command));
  addEvaluationOptions(command).addOption(jsonOption());
  return command.action(runEval);
}

async function runEval(name: string, flags: EvalFlags): Promise<void> {
  const progress = createProgress(flags.json ?? false);
  const { signal, restore } = interruptible();
  const device = await openBackend(flags.backend, flags);
  try {
    await using model = await openNamedModel(name, device);
    const result = await evaluate(model, {
      text: flags.evalText ?? null,
      windowLength: flags.seqlen ?? Math.min(model.contextLength, 2048),
      windows: flags.evalWindows,
      stage: "evaluate",
      progress: progress.update,
      signal,
    });
    progress.stop();
    const { perplexity, perplexityStandardError: error, tokens, windows } = result;
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ model: name, ...result })}\n`
        : `perplexity ${perplexity.toFixed(4)} ± ${error.toFixed(4)} (${tokens} tokens in ${windows} windows)\n`,
    );
  } finally {
    progress.stop();
    restore();
    await device.dispose();
  }
}
