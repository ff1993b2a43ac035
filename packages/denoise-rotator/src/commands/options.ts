import { parsePattern } from "@denoise-rotator/contracts";
import { type Command, InvalidArgumentError, Option } from "commander";

/** What a model can be named by, for the help. */
export const modelArgument =
  "checkpoint directory, .gguf file, org/name[@revision] or org/name/file.gguf on the Hugging Face Hub, or tiny";

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

export function nonNegative(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw new InvalidArgumentError("a number ≥ 0 is needed.");
}

/** A number in (0, 1]. */
export function share(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError("a number above 0, at most 1, is needed.");
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

/** As it is given, and each time. */
export function texts(text: string, before: readonly string[] = []): string[] {
  if (text === "") throw new InvalidArgumentError("some text is needed.");
  return [...before, text];
}

export const jsonOption = () => new Option("--json", "print one JSON object on standard output, no progress");

export function addEvaluationOptions(command: Command): Command {
  return command
    .option(
      "--eval-text <path>",
      "text file or directory of .txt to evaluate on (default: the embedded held-out text)",
    )
    .option("--eval-windows <n>", "evaluation windows at most", integer(1), 360);
}
