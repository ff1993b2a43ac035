import { z } from "zod";

/** The version of run records that this package shows. */
export const recordVersion = 2;

const count = z.int().nonnegative();
const finite = z.number();
/** A figure without rotation and with it. */
const beforeAfter = z.object({ before: finite, after: finite });
const curve = z.array(finite).min(2);
const curves = z.object({ before: curve, after: curve });
const shape = z.tuple([count, count]);

const perplexity = z.object({
  perplexity: z.number().positive(),
  /** Standard error of `perplexity`. */
  perplexityStandardError: z.number().nonnegative(),
  /** Predicted tokens. */
  tokens: count,
  windows: count,
  windowLength: count,
});

/** Rows of a matrix by level, a hexadecimal digit each: 0 is `low` and less, f `high` and more. */
const levelMap = z
  .object({
    before: z.array(z.string().regex(/^[0-9a-f]+$/)).min(1),
    after: z.array(z.string().regex(/^[0-9a-f]+$/)).min(1),
    /** log10 of the value over the layer's mean without rotation. */
    low: finite,
    high: finite,
  })
  .refine(
    ({ before, after }) =>
      [...before, ...after].every((row) => row.length === before[0]!.length) &&
      before.length === after.length,
    "its rows differ in length",
  );

const picture = z.object({
  name: z.string(),
  role: z.string(),
  shape,
  importance: z.object({ sorted: curves, layer: levelMap, window: levelMap }).nullable(),
  kept: z.array(z.string().regex(/^[01]+$/)).nullable(),
});

const objective = z.object({
  name: z.string(),
  unrotated: finite,
  start: finite,
  best: finite,
  steps: count,
  trace: z.array(finite),
});

const site = z.object({
  name: z.string(),
  role: z.string(),
  entropy: beforeAfter.nullable(),
  /** Share of its importance that the pattern would prune. */
  prunable: beforeAfter.nullable(),
  /** Parts of its importance that the most important weights hold, for each of `heldShares`. */
  held: curves.nullable(),
  weights: count,
  sparsity: z.number().min(0).max(1),
  /** Relative error of its outputs. */
  error: z.number().nonnegative(),
  maskValid: z.boolean(),
});

const block = z.object({
  name: z.string(),
  rotation: z
    .object({ objective: objective.nullable(), invarianceError: z.number().nonnegative().nullable() })
    .nullable(),
  sites: z.array(site),
  /** Relative distance of the outputs from the dense model's, before and after the kept weights were learned. */
  reconstruction: beforeAfter.nullable(),
  picture: picture.nullable(),
});

/** What a report needs of a run record (`run.json`); other fields pass. */
export const runRecordSchema = z.object({
  schemaVersion: z.literal(recordVersion),
  command: z.literal("prune"),
  options: z.object({
    model: z.string(),
    pruner: z.string(),
    sparsity: z.string(),
    rotate: z.enum(["per-block", "shared", "none"]),
    rotation: z.string().nullable(),
    objective: z.string(),
    solver: z.string(),
    steps: count,
    allocation: z.string(),
    match: z.boolean(),
    refine: z.string(),
    reconstruct: count,
  }),
  repeat: z.array(z.string()),
  model: z.object({ family: z.string() }),
  versions: z.record(z.string(), z.string()),
  backend: z.object({ name: z.string(), description: z.record(z.string(), z.unknown()) }),
  calibration: z.object({ windows: count, windowLength: count }),
  blocks: z.array(block),
  heldShares: z.array(z.number().min(0).max(1)),
  sharedRotation: objective.nullable(),
  invarianceError: z.number().nonnegative().nullable(),
  maskValid: z.boolean(),
  evaluation: z.object({ dense: perplexity, pruned: perplexity, plain: perplexity.nullable() }).nullable(),
  stages: z.record(z.string(), z.object({ seconds: z.number().nonnegative(), flops: z.number() })),
  seconds: z.number().nonnegative(),
  peakMemoryBytes: z.number().nonnegative(),
});

type Immutable<T> = T extends object ? { readonly [K in keyof T]: Immutable<T[K]> } : T;

/** A run record as far as reports go; the records of `denoise-rotator prune` are assignable to it. */
export type ReportRecord = Immutable<z.input<typeof runRecordSchema>>;
export type ReportBlock = ReportRecord["blocks"][number];
export type ReportSite = ReportBlock["sites"][number];
export type ReportPicture = NonNullable<ReportBlock["picture"]>;
export type ReportPerplexity = Immutable<z.input<typeof perplexity>>;
export type ReportObjective = Immutable<z.input<typeof objective>>;
export type ReportLevelMap = Immutable<z.input<typeof levelMap>>;
