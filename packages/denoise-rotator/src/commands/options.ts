import { parsePattern } from "@denoise-rotator/contracts";
import { type Command, InvalidArgumentError, Option } from "commander";
import { backendNames } from "../pipeline/options.js";

/** Parsers for commander: what they throw becomes a usage error that names the option. */
export function integer(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`an integer of at least ${least} is needed.`);
    }
    return value;
  };
}

export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new InvalidArgumentError("a number > 0 is needed.");
  return value;
}

export function sparsity(text: string): string {
  try {
    parsePattern(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

export const list = (text: string, before: readonly string[] = []): string[] => [
  ...before,
  ...text.split(",").map((entry) => entry.trim()),
];

export const backendOption = () =>
  new Option("--backend <name>", "where tensors live").choices(backendNames).default("wasm");
export const threadsOption = () =>
  new Option(
    "--threads <n>",
    "threads of the wasm backend (default: what the machine has, at most 8)",
  ).argParser(integer(1));
export const turboOption = () =>
  new Option("--turbo", "experimental 256-bit wasm kernels (Node 22 or newer on x64)");
export const jsonOption = () => new Option("--json", "print one JSON object on standard output, no progress");

export function addEvaluationOptions(command: Command): Command {
  return command
    .option(
      "--eval-text <path>",
      "text file or directory of .txt to evaluate on (default: the embedded held-out text)",
    )
    .option("--eval-windows <n>", "evaluation windows at most", integer(1), 360);
}
