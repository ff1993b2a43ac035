import { DenoiseRotatorError, OptionError } from "@denoise-rotator/core";
import type { Model } from "@denoise-rotator/models";
import type { ResolvedOptions } from "../options.js";
import { packageVersions, type RunRecord } from "../run-record.js";
import { changedFile, type FileStamp, stampsOf } from "./file-stamps.js";

/** Everything that the bytes of a run's output depend on; parts of its record. */
export type RunIdentity = Pick<RunRecord, "options" | "inputs" | "versions" | "backend">;

/** Files that a run reads, by the option that names them. */
export type RunInputs = Readonly<Partial<Record<InputOption, readonly FileStamp[]>>>;
const inputOptions = ["model", "calibration", "evaluationText", "rotation"] as const;
type InputOption = (typeof inputOptions)[number];

/** Where files are, and how much of them is in memory at a time, changes no bytes. */
const harmlessOptions: ReadonlySet<string> = new Set(["model", "out", "memory"]);
const harmlessOfBackends: ReadonlySet<string> = new Set(["threads"]);

export async function identityOf(model: Model, options: ResolvedOptions): Promise<RunIdentity> {
  const { name, capabilities } = model.device;
  return {
    options,
    inputs: await inputsOf(options, model.checkpoint.path),
    versions: packageVersions(),
    backend: { name, description: capabilities.description },
  };
}

/** Stamps of what `options` name; `modelPath` is where the model was found. */
async function inputsOf(options: ResolvedOptions, modelPath: string): Promise<RunInputs> {
  const inputs: [string, readonly FileStamp[]][] = [];
  for (const option of inputOptions) {
    const path = option === "model" ? modelPath : options[option];
    const stamps = path === null ? undefined : await stampsOf(path);
    if (stamps) inputs.push([option, stamps]);
  }
  return Object.fromEntries(inputs);
}

/**
 * Compares a run with one that was interrupted, or is finished.
 *
 * @throws OptionError naming the first option that differs; DenoiseRotatorError naming a changed file, version or engine.
 */
export function checkSameRun(before: RunIdentity, now: RunIdentity): void {
  // Of the model and of texts their contents count, not their paths.
  const named = inputOptions.filter((option) => before.inputs[option] && now.inputs[option]);
  const skipped = new Set<string>([...harmlessOptions, ...named]);
  differing(before.options, now.options, skipped, (option, was, is) => {
    throw new OptionError(
      `${flagOf(option)} ${shown(is)}: the run to resume has ${shown(was)}; repeat that, or start afresh with --force and without --resume`,
    );
  });
  for (const option of named) {
    const file = changedFile(before.inputs[option]!, now.inputs[option]!);
    if (file !== undefined) {
      throw changed(`${option === "model" ? "the model" : flagOf(option)}: ${file} has changed since`);
    }
  }
  if (before.backend.name !== now.backend.name) {
    throw changed(`the backend was ${before.backend.name} and is ${now.backend.name}`);
  }
  const tell = (what: string) => (key: string, was: unknown, is: unknown) => {
    throw changed(`${what}${key} was ${shown(was)} and is ${shown(is)}`);
  };
  differing(before.versions, now.versions, new Set(), tell("the version of "));
  differing(
    before.backend.description,
    now.backend.description,
    harmlessOfBackends,
    tell(`the backend ${now.backend.name}: `),
  );
}

function differing(
  before: object,
  now: object,
  skipped: ReadonlySet<string>,
  tell: (key: string, was: unknown, is: unknown) => void,
): void {
  const [a, b] = [before, now] as [Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>];
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const same = JSON.stringify(a[key] ?? null) === JSON.stringify(b[key] ?? null);
    if (!same && !skipped.has(key)) tell(key, a[key], b[key]);
  }
}

const flags: Readonly<Record<string, string>> = {
  sequenceLength: "--seqlen",
  evaluationText: "--eval-text",
  evaluationWindows: "--eval-windows",
};
const flagOf = (option: string): string =>
  flags[option] ?? `--${option.replaceAll(/[A-Z0-9]+/g, (part) => `-${part.toLowerCase()}`)}`;

const shown = (value: unknown): string =>
  value === null || value === undefined ? "none" : typeof value === "string" ? value : JSON.stringify(value);

const changed = (what: string): DenoiseRotatorError =>
  new DenoiseRotatorError(
    "RESUME",
    `cannot resume: ${what}, so the output would differ; start afresh with --force and without --resume`,
  );
