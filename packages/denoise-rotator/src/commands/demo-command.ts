import { tmpdir } from "node:os";
import { join } from "node:path";
import { OptionError } from "@denoise-rotator/core";
import { Command } from "commander";
import { asPercent, type DemoResult, demo } from "../demo.js";
import { addBackendOptions, type BackendFlags } from "./backend-options.js";
import { interruptible } from "./interrupt.js";
import { integer, jsonOption } from "./options.js";
import { createProgress } from "./progress.js";
import { formatTable } from "./tables.js";

interface DemoFlags extends BackendFlags {
  readonly out: string;
  readonly evalWindows: number;
  readonly quick?: boolean;
  readonly full?: boolean;
  readonly json?: boolean;
}

export function demoCommand(): Command {
  const command = new Command("demo")
    .summary("what rotations buy, on the embedded model")
    .description(
      "Evaluates the embedded 3-million-parameter Llama, prunes it to 2:4 by Wanda and SparseGPT as published " +
        "and at the default quality (learned rotations; SparseGPT refined and matched), saves the four results and " +
        "prints their perplexities, and how often the true continuation of a held-out text is the likeliest of four.",
    );
  return addBackendOptions(command)
    .option("--out <directory>", "where the results go, replaced", join(tmpdir(), "denoise-rotator-demo"))
    .option("--eval-windows <n>", "evaluation windows at most", integer(1), 360)
    .option("--quick", "fewer windows and steps (default on GPU backends without a GPU)")
    .option("--full", "all windows and steps everywhere")
    .addOption(jsonOption())
    .action(runDemo);
}

async function runDemo({
  json,
  out,
  evalWindows,
  quick,
  full,
  backend,
  ...tuning
}: DemoFlags): Promise<void> {
  if (quick && full) throw new OptionError("--quick and --full: choose one");
  const progress = createProgress(json ?? false);
  const { signal, restore } = interruptible();
  try {
    const result = await demo({
      backend,
      tuning,
      out,
      evaluationWindows: evalWindows,
      ...(quick || full ? { quick: quick ?? false } : {}),
      onProgress: progress.update,
      onNote: progress.note,
      signal,
    });
    progress.stop();
    process.stdout.write(`${json ? JSON.stringify(result) : summarise(result)}\n`);
  } finally {
    progress.stop();
    restore();
  }
}

function summarise(result: DemoResult): string {
  const rows = (["wanda", "sparsegpt"] as const).map((pruner) => {
    const { plain, rotated, gapClosed, maskValid, invarianceError } = result[pruner]["2:4"];
    return [
      `${pruner} 2:4`,
      plain.perplexity.toFixed(3),
      rotated.perplexity.toFixed(3),
      asPercent(plain.continuation),
      asPercent(rotated.continuation),
      `${(100 * gapClosed).toFixed(0)} %`,
      maskValid ? "yes" : "NO",
      invarianceError.toExponential(1),
    ];
  });
  const head = [
    ...["", "plain", "rotated", "plain, continuations", "rotated, continuations"],
    ...["gap closed", "masks valid", "invariance error"],
  ];
  return [
    `dense perplexity ${result.dense.perplexity.toFixed(3)} (${result.dense.tokens} held-out tokens), ` +
      `continuations right of ${result.dense.continuation.rows}: ${asPercent(result.dense.continuation)}; by chance 25 %`,
    formatTable(head, rows),
    `${result.seconds.toFixed(0)} s on ${result.backend.name}${result.quick ? ", quick settings" : ""}; checkpoints and run.json in ${result.out}`,
    `at a glance: ${result.report}`,
  ].join("\n");
}
