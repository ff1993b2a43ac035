import type { PruneOptions } from "./options.js";

/** Names of options that are not their own in kebab-case. */
const names: Partial<Record<keyof PruneOptions, string>> = {
  sequenceLength: "seqlen",
  evaluate: "eval",
  evaluatePlain: "eval-plain",
  evaluationText: "eval-text",
  evaluationWindows: "eval-windows",
};
/** What does not belong to what is repeated. */
const left: ReadonlySet<string> = new Set([
  "model",
  "onProgress",
  "onNotice",
  "signal",
  "json",
  "resume",
  "memory",
  "scratch",
]);
/** Values that the command line gives by itself. */
const usual: Partial<PruneOptions> = {
  ...{ pruner: "sparsegpt", sparsity: "2:4", rotate: "per-block", quality: "default", allocation: "uniform" },
  ...{
    calibration: "embedded",
    backend: "wasm",
    evaluationWindows: 360,
    skip: [],
    format: "plain",
    activations: "f32",
  },
};

/**
 * The arguments of `denoise-rotator` that ask for the same run again. Of a pruner or a backend of one's own there is but
 * the name.
 */
export function repeatArguments(request: PruneOptions): string[] {
  const flags = Object.entries(request).flatMap(([key, given]) => {
    if (left.has(key) || given === undefined || given === null) return [];
    const value = typeof given === "object" && "name" in given ? String(given.name) : given;
    const same = JSON.stringify(value) === JSON.stringify(usual[key as keyof PruneOptions]);
    return same ? [] : flag(names[key as keyof PruneOptions] ?? kebab(key), value);
  });
  return ["prune", request.model, ...flags];
}

/** Flags that are on unless `--no-…` says otherwise, or can be either. */
const either: ReadonlySet<string> = new Set(["match", "transport"]);

function flag(name: string, value: unknown): string[] {
  if (value === true) return [`--${name}`];
  if (value === false) return either.has(name) ? [`--no-${name}`] : [];
  return [`--${name}`, Array.isArray(value) ? value.join(",") : String(value)];
}

const kebab = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
