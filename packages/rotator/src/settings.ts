import { OptionError } from "@denoise-rotator/core";
import { createSolver, type Solver, type SolverName } from "@denoise-rotator/manifold";
import type { SiteWeights } from "./metrics.js";
import { type RotationStart, rotationStarts } from "./start.js";

export const objectiveKinds = ["direct", "entropy"] as const;
/** `direct`: the importance that a pattern would prune; `entropy`: the paper's. */
export type ObjectiveKind = (typeof objectiveKinds)[number];

/** What a preset fixes. */
export interface RotationPreset {
  readonly objective: ObjectiveKind;
  readonly solver: SolverName;
  readonly steps: number;
  readonly learningRate: number;
  readonly start: RotationStart;
}

/** `fast` and `default` differ in cost; `paper` is the recipe of arXiv 2505.23049. */
export const rotationPresets = {
  fast: { objective: "direct", solver: "muon", steps: 25, learningRate: 0.3, start: "pca-dealt" },
  default: { objective: "direct", solver: "muon", steps: 60, learningRate: 0.3, start: "pca-dealt" },
  paper: { objective: "entropy", solver: "qr-adam", steps: 2000, learningRate: 0.01, start: "identity" },
} as const satisfies Record<string, RotationPreset>;

export type RotationPresetName = keyof typeof rotationPresets;
export const rotationPresetNames = Object.keys(rotationPresets) as RotationPresetName[];

/** What shapes the learning of a rotation; everything has a default. */
export interface RotationSettings {
  /** What the other settings default to: `paper` where `objective` is `entropy`, else `default`. */
  readonly preset?: RotationPresetName;
  readonly objective?: ObjectiveKind;
  /** A solver, or the name of one. */
  readonly solver?: Solver | SolverName;
  /** Default: the preset's with the preset's solver, else the solver's own. With 0 the start is the result. */
  readonly steps?: number;
  /** Default: as for `steps`. */
  readonly learningRate?: number;
  /** Of `muon` by name; default 3. */
  readonly newtonSchulzSteps?: number;
  readonly start?: RotationStart;
  /** What sites count for in `direct`; default {@link defaultSiteWeights}. `{}`: all alike. */
  readonly siteWeights?: SiteWeights;
}

/**
 * q and k are forgiving, since the softmax sees only differences of scores; what down loses goes into the residual stream as
 * it is. Found on the embedded model (docs/rotations.md).
 */
export const defaultSiteWeights: SiteWeights = { qProj: 0.25, kProj: 0.25, downProj: 2 };

/** Settings with every default filled in; `undefined` learning rate: the solver's own. */
export interface ResolvedSettings {
  readonly objective: ObjectiveKind;
  readonly solver: Solver;
  readonly steps: number;
  readonly learningRate: number | undefined;
  readonly start: RotationStart;
  readonly siteWeights: SiteWeights;
}

/** Steps of a solver that does not say what suits it. */
const plainSteps = 60;

/** Fills in what is left out. Throws OptionError naming the setting that is unknown or out of range. */
export function resolveSettings(settings: RotationSettings): ResolvedSettings {
  oneOf("objective", settings.objective, objectiveKinds);
  oneOf("preset", settings.preset, rotationPresetNames);
  oneOf("start", settings.start, rotationStarts);
  const preset: RotationPreset =
    rotationPresets[settings.preset ?? (settings.objective === "entropy" ? "paper" : "default")];
  const objective = settings.objective ?? preset.objective;
  const solver = solverOf(settings, preset);
  const own = solver.name === preset.solver;
  const steps = settings.steps ?? (own ? preset.steps : (solver.defaultSteps ?? plainSteps));
  if (!Number.isInteger(steps) || steps < 0) throw new OptionError(`steps ${steps}: an integer ≥ 0`);
  // A solver object brings its own learning rate, a name takes the preset's.
  const named = typeof settings.solver !== "object";
  const learningRate = settings.learningRate ?? (own && named ? preset.learningRate : undefined);
  const usual =
    objective === preset.objective ? preset.start : objective === "direct" ? "pca-dealt" : "identity";
  const { start = usual, siteWeights = defaultSiteWeights } = settings;
  return { objective, solver, steps, learningRate, start, siteWeights };
}

function solverOf({ solver, newtonSchulzSteps }: RotationSettings, preset: RotationPreset): Solver {
  const options = newtonSchulzSteps === undefined ? {} : { newtonSchulzSteps };
  if (typeof solver === "object") {
    if (newtonSchulzSteps !== undefined)
      throw new OptionError("newtonSchulzSteps: goes with a solver's name; a solver object has its own");
    return solver;
  }
  return createSolver(solver ?? preset.solver, options);
}

function oneOf(what: string, value: string | undefined, allowed: readonly string[]): void {
  if (value !== undefined && !allowed.includes(value))
    throw new OptionError(`${what} ${value}: choose one of ${allowed.join(", ")}`);
}
