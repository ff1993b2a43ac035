import { DenoiseRotatorError } from "@denoise-rotator/core";
import { z } from "zod";

/** Written into every result; raised when a field changes its meaning or goes. */
export const benchResultVersion = 1;

const name = z.string().min(1);
const positive = z.number().positive();
const count = z.int().nonnegative();
const description = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const host = z.object({
  /** Such as `node v24.21.0` or `Chromium 156`. */
  engine: name,
  /** The browser's user agent, or the machine's system. */
  platform: z.string(),
  cpu: z.string().optional(),
  cores: count,
  /** Whether memory can be shared between threads (in pages: cross-origin isolation). */
  sharedMemory: z.boolean(),
  /** What the default WebGPU adapter says of itself, or why there is none. */
  webgpu: z.string(),
  /** What WebGL 2 says of its renderer, or why there is none. */
  webgl: z.string(),
});

const work = z.object({
  name,
  kind: name,
  sizes: z.array(count),
  flops: z.number().nonnegative(),
  bytes: z.number().nonnegative(),
});

const place = { work: name, contender: name };
const measured = z.object({
  ...place,
  status: z.literal("ok"),
  /** Milliseconds of the work once, waiting for its end included. */
  median: positive,
  /** Interquartile range of the samples over their median. */
  spread: z.number().nonnegative(),
  /** Milliseconds of the work once, by round. */
  samples: z.array(positive).min(1),
  /** How often the work ran in each sample. */
  runs: count.min(1),
  /** This median over the baseline's: above 1 it is slower. `null` where the baseline has none. */
  ratio: positive.nullable(),
  /** 1e9 floating-point operations a second; `null` where a rate says nothing. */
  gflops: positive.nullable(),
  /** 1e9 bytes a second that must be read and written; `null` where a rate says nothing. */
  gigabytes: positive.nullable(),
  /** Error against f64, in the measure of the work's kind. */
  error: z.number().nonnegative(),
});
/** Computed something else than f64 does: shown, not ranked. `error` is `null` where it is no number. */
const wrong = z.object({
  ...place,
  status: z.literal("wrong"),
  error: z.number().nonnegative().nullable(),
  tolerance: z.number().nonnegative(),
});
/** `unsupported`: has no such operation or takes too long; `failed`: broke down. */
const missing = z.object({ ...place, status: z.enum(["unsupported", "failed"]), reason: z.string() });

const schema = z.object({
  format: z.literal("denoise-rotator-bench"),
  version: z.literal(benchResultVersion),
  /** ISO 8601. */
  date: z.iso.datetime(),
  host,
  settings: z.object({
    /** Name of the set of works. */
    set: name,
    rounds: count.min(1),
    sampleMilliseconds: positive,
    patienceMilliseconds: positive,
    /** The contender against which ratios are taken. */
    baseline: z.string().nullable(),
  }),
  contenders: z.array(z.object({ name, package: z.string(), version: z.string(), description })),
  /** Contenders that could not be opened, and why. */
  absent: z.array(z.object({ contender: name, reason: z.string() })),
  works: z.array(work),
  rows: z.array(z.discriminatedUnion("status", [measured, wrong, missing])),
});

/** What a run of the benchmark gives; see the comments in this file's schema. */
export type BenchResult = z.infer<typeof schema>;
export type BenchRow = BenchResult["rows"][number];
export type MeasuredRow = z.infer<typeof measured>;
export type Host = z.infer<typeof host>;

/** Not a result of the benchmark, or of another version; the message names the field. */
export class BenchResultError extends DenoiseRotatorError {
  constructor(message: string) {
    super("BENCH_RESULT", message);
  }
}

/** Validates what was read from JSON. Throws {@link BenchResultError}. */
export function parseBenchResult(json: unknown): BenchResult {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new BenchResultError(
      `no benchmark result of version ${benchResultVersion}: ${path.join(".")}: ${message}`,
    );
  }
  const { works, contenders, rows } = parsed.data;
  for (const [i, row] of rows.entries()) {
    const known =
      works.some((each) => each.name === row.work) && contenders.some((each) => each.name === row.contender);
    if (!known) {
      throw new BenchResultError(`rows.${i}: work ${row.work} or contender ${row.contender} is not listed`);
    }
  }
  return parsed.data;
}

/** Rows with ratios against a contender; `null` where it was not measured. */
export function ratiosAgainst(rows: readonly BenchRow[], baseline: string): BenchRow[] {
  const medians = new Map(
    rows.flatMap((row) =>
      row.status === "ok" && row.contender === baseline ? [[row.work, row.median] as const] : [],
    ),
  );
  return rows.map((row) => {
    const base = medians.get(row.work);
    return row.status === "ok" ? { ...row, ratio: base === undefined ? null : row.median / base } : row;
  });
}

/** The same result with ratios against another contender. */
export const withBaseline = (result: BenchResult, baseline: string): BenchResult => ({
  ...result,
  settings: { ...result.settings, baseline },
  rows: ratiosAgainst(result.rows, baseline),
});
