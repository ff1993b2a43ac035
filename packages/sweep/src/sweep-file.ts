import { suggest } from "@denoise-rotator/core";
import { z } from "zod";
import { expandGrid, type Grid } from "./grid.js";
import { type Setting, type SweepJob, sweepJob } from "./job.js";
import type { SweepOptions } from "./options.js";
import { type KeyPath, YamlSource } from "./yaml-source.js";

/** Runs to be done, and what differs between them. */
export interface Sweep {
  readonly jobs: readonly SweepJob[];
  /** Names of settings that are not the same in all jobs, in the order of the file. */
  readonly varied: readonly string[];
}

const scalar = z.union([z.string(), z.number(), z.boolean()], {
  error: "a string, a number, true or false is needed",
});
const list = z.array(scalar).min(1, "an empty list leaves no run");
/** A key without a value is an option that is not given. */
const entry = z.record(z.string(), scalar.nullable());
const schema = z.strictObject({
  model: z.union([z.string(), z.array(z.string()).min(1)], {
    error: "the name of a model, or a list of them",
  }),
  options: entry.optional(),
  grid: z
    .record(z.string(), z.union([scalar, list], { error: "a value or a list of values is needed" }))
    .optional(),
  include: z.array(entry).optional(),
  exclude: z
    .array(z.record(z.string(), z.union([scalar, list], { error: "a value or a list of values is needed" })))
    .optional(),
});
type SweepFile = z.infer<typeof schema>;
const sections = ["model", "options", "grid", "include", "exclude"];

export interface ParseSweepOptions {
  /** What messages call the file. */
  readonly file: string;
  /** Options there are. */
  readonly options: SweepOptions;
  /** Of what will run the jobs; another one has other keys. */
  readonly version: string;
}

/**
 * Reads a sweep: every combination of `grid`'s lists on top of `options`, for every `model`, without those that an entry of
 * `exclude` describes, and with those of `include`.
 *
 * @throws SweepError naming file, line and key.
 */
export async function parseSweep(
  text: string,
  { file, options, version }: ParseSweepOptions,
): Promise<Sweep> {
  const source = new YamlSource(text, file);
  const parsed = schema.safeParse(source.value);
  if (!parsed.success) {
    const { issues } = parsed.error;
    // A misspelt key is more likely than a missing one.
    throw schemaError(source, issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0]!);
  }
  checkSettings(source, parsed.data, options);
  const settings = expandGrid(gridOf(parsed.data));
  if (settings.length === 0) throw source.error(["exclude"], "nothing is left to run");
  const jobs = new Map<string, SweepJob>();
  for (const each of settings) {
    const job = await sweepJob(each, version);
    jobs.set(job.key, job);
  }
  return { jobs: [...jobs.values()], varied: variedOf([...jobs.values()]) };
}

function schemaError(source: YamlSource, issue: z.core.$ZodIssue) {
  const path = issue.path as KeyPath;
  if (issue.code === "unrecognized_keys") {
    const [key] = issue.keys as [string];
    const why = `a sweep has ${sections.join(", ")}.${suggest(key, sections)}`;
    return source.error([...path, key], why);
  }
  const missing = path.length === 1 && path[0] === "model" && (source.value as SweepFile).model === undefined;
  return source.error(path, missing ? "is missing: the name of a model, or a list of them" : issue.message);
}

/** Every option by its name and value, wherever it stands. */
function checkSettings(source: YamlSource, file: SweepFile, options: SweepOptions): void {
  const check = (path: KeyPath, values: Readonly<Record<string, Setting | readonly Setting[] | null>>) => {
    for (const [name, given] of Object.entries(values)) {
      const option = options.get(name);
      // What `include` and `exclude` say of the model.
      if (name === "model" && path.length > 1) continue;
      if (!option) {
        throw source.error([...path, name], `there is no such option.${suggest(name, options.keys())}`);
      }
      for (const [i, value] of (Array.isArray(given) ? given : [given]).entries()) {
        const why = value === null ? undefined : option.check(value);
        if (why !== undefined) {
          throw source.error([...path, name, ...(Array.isArray(given) ? [i] : [])], why);
        }
      }
    }
  };
  check(["options"], file.options ?? {});
  check(["grid"], file.grid ?? {});
  for (const [i, values] of (file.include ?? []).entries()) check(["include", i], values);
  for (const [i, values] of (file.exclude ?? []).entries()) check(["exclude", i], values);
}

const asList = <T>(value: T | readonly T[]): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [value as T];

function gridOf({ model, options, grid, include, exclude }: SweepFile): Grid {
  const axes = Object.entries(grid ?? {}).map(([name, values]) => [name, asList<Setting>(values)] as const);
  const models = asList(model);
  return {
    fixed: options ?? {},
    axes: [["model", models] as const, ...axes],
    include: (include ?? []).flatMap((each) =>
      "model" in each ? [each] : models.map((name) => ({ model: name, ...each })),
    ),
    exclude: (exclude ?? []).map((each) =>
      Object.fromEntries(Object.entries(each).map(([name, values]) => [name, asList<Setting>(values)])),
    ),
  };
}

function variedOf(jobs: readonly SweepJob[]): string[] {
  const names = new Set(jobs.flatMap(({ settings }) => Object.keys(settings)));
  const differs = (name: string) => new Set(jobs.map(({ settings }) => settings[name])).size > 1;
  return [...names].filter(differs);
}
