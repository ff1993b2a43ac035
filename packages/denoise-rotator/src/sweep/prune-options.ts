import type { Setting, Settings, SweepOption } from "@denoise-rotator/sweep";
import type { Command, Option } from "commander";

/** What the sweep decides for every run, or what changes nothing but how long it takes. */
const reserved = new Set([
  "out",
  "force",
  "resume",
  "json",
  "eval",
  "threads",
  "save-rotation",
  "dry-run",
  "help",
]);

/** The options of `prune` that a sweep's file may set, by their names without dashes. */
export function sweepOptions(prune: Command): Map<string, SweepOption> {
  const options = new Map<string, SweepOption>();
  for (const option of prune.options) {
    const name = nameOf(option);
    if (!reserved.has(name)) options.set(name, { check: (value) => check(option, value) });
  }
  return options;
}

/** The command line of a run, without what the sweep decides. */
export function pruneArguments(prune: Command, { model, ...settings }: Settings): string[] {
  const negatable = new Set(prune.options.filter(({ negate }) => negate).map(nameOf));
  const flags = Object.entries(settings).flatMap(([name, value]) => {
    if (value === true) return [`--${name}`];
    if (value === false) return negatable.has(name) ? [`--no-${name}`] : [];
    return [`--${name}=${value}`];
  });
  return ["prune", String(model), ...flags];
}

const nameOf = ({ long }: Option): string => (long ?? "").replace(/^--(no-)?/, "");

function check(option: Option, value: Setting): string | undefined {
  const takesValue = option.required || option.optional;
  if (typeof value === "boolean") return takesValue ? "a value is needed, not true or false" : undefined;
  if (!takesValue) return "true or false is needed";
  const text = String(value);
  if (option.argChoices) {
    return option.argChoices.includes(text) ? undefined : `choose one of ${option.argChoices.join(", ")}`;
  }
  try {
    option.parseArg?.(text, undefined);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
