#!/usr/bin/env node
import { Command } from "commander";
import { version } from "../package.json";
import { benchCommand } from "./commands/bench-command.js";
import { compareCommand } from "./commands/compare-command.js";
import { demoCommand } from "./commands/demo-command.js";
import { evalCommand } from "./commands/eval-command.js";
import { generateCommand } from "./commands/generate-command.js";
import { inspectCommand } from "./commands/inspect-command.js";
import { describePlan } from "./commands/memory-options.js";
import { packCommand, unpackCommand } from "./commands/pack-commands.js";
import { pruneCommand } from "./commands/prune-command.js";
import { reportCommand } from "./commands/report-command.js";
import { describeError, exitCodeOf } from "./commands/report-error.js";
import { sweepCommand } from "./commands/sweep-command.js";
import { workerCommand } from "./commands/worker-command.js";
import { MemoryBudgetError } from "./pipeline/memory/memory-plan.js";

// A reader that has seen enough (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

// A job of a sweep ends with the process that started it.
if (process.connected) {
  process.once("disconnect", () => process.exit(1));
  process.channel?.unref();
}

const program = new Command("denoise-rotator")
  .description(
    "Rotates the weights of a checkpoint (Llama, Qwen, Mistral, …) so that pruning hurts less (DenoiseRotator, arXiv 2505.23049), " +
      "prunes it by magnitude, Wanda or SparseGPT, and evaluates it. Pure TypeScript, no native code.",
  )
  .version(version)
  .showSuggestionAfterError()
  .addHelpText("after", "\nStart with:\n  denoise-rotator demo\n  denoise-rotator prune --help")
  .exitOverride();
/** Commander puts its suggestions on a line of their own; an error is one line here. */
const oneLine = {
  outputError: (text: string, write: (text: string) => void) =>
    write(`${text.trim().replaceAll(/\s*\n\s*/g, " ")}\n`),
};
program.configureOutput(oneLine);
for (const command of [
  demoCommand(),
  pruneCommand(),
  evalCommand(),
  compareCommand(),
  generateCommand(),
  inspectCommand(),
  packCommand(),
  unpackCommand(),
  reportCommand(),
  benchCommand(),
  sweepCommand(),
  workerCommand(),
]) {
  program.addCommand(command.exitOverride().configureOutput(oneLine));
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  // Commander has printed its own message by now.
  if (error instanceof MemoryBudgetError) process.stderr.write(`${describePlan(error.plan)}\n`);
  const printed = error instanceof Error && error.name === "CommanderError";
  if (!printed) process.stderr.write(`error: ${describeError(error)}\n`);
}
