import { OptionError } from "@denoise-rotator/core";
import { type Pruner, type Refinement, refinements } from "@denoise-rotator/pruners";
import type { RotationPresetName } from "@denoise-rotator/rotator";
import type { PruneOptions } from "./options.js";

/** What a preset fixes; options that are given win. */
export interface Quality {
  readonly rotationPreset: RotationPresetName;
  /** Instead of the preset's steps, where no option says how rotations are learned; `null`: the preset's. */
  readonly rotationSteps: number | null;
  /** Calibration windows. */
  readonly samples: number;
  readonly refine: Refinement;
  readonly match: boolean;
  /** Only with `rotate: "per-block"`. */
  readonly transport: boolean;
  /** Steps. */
  readonly reconstruct: number;
}

const plain = {
  rotationSteps: null,
  samples: 64,
  refine: "none",
  match: false,
  transport: false,
  reconstruct: 0,
} as const;

/**
 * What to spend on quality: `fast`, 25 steps of rotation and the pruner as it is; `default`, 60 steps, and for pruners
 * that update weights refinement and matching; `best`, twice the steps and for every pruner all there is, on four times the
 * calibration text.
 */
export const qualities = {
  fast: { ...plain, rotationPreset: "fast" },
  default: { ...plain, rotationPreset: "default", refine: "pcg", match: true },
  best: {
    rotationPreset: "default",
    rotationSteps: 120,
    samples: 256,
    refine: "pcg",
    match: true,
    transport: true,
    reconstruct: 100,
  },
} as const satisfies Record<string, Quality>;

export type QualityName = keyof typeof qualities;
export const qualityNames = Object.keys(qualities) as QualityName[];

/** Options of pruning with every default filled in. */
export interface ResolvedQuality {
  readonly quality: QualityName;
  readonly refine: Refinement;
  readonly match: boolean;
  readonly transport: boolean;
  /** Steps; 0: none. */
  readonly reconstruct: number;
  readonly samples: number;
}

/** The preset that `options` name. Throws {@link OptionError}. */
export function qualityOf({ quality = "default" }: Pick<PruneOptions, "quality">): Quality {
  if (!qualityNames.includes(quality)) {
    throw new OptionError(`--quality ${quality}: choose one of ${qualityNames.join(", ")}`);
  }
  return qualities[quality];
}

/** Fills in what the preset says for `pruner` and checks the rest. Throws {@link OptionError} naming the option. */
export function resolveQuality(
  options: PruneOptions,
  pruner: Pick<Pruner, "name" | "updatesWeights">,
): ResolvedQuality {
  const preset = qualityOf(options);
  const perBlock = (options.rotate ?? "per-block") === "per-block";
  const suits = pruner.name !== "none" && (options.quality === "best" || pruner.updatesWeights);
  const { refine, match, transport, reconstruct } = suits ? preset : plain;
  if (options.refine !== undefined && !refinements.includes(options.refine)) {
    throw new OptionError(`--refine ${options.refine}: choose one of ${refinements.join(", ")}`);
  }
  if (options.transport && !perBlock) {
    throw new OptionError(
      "--transport: a linear map after each block has a place only in the changes of basis of --rotate per-block",
    );
  }
  return {
    quality: options.quality ?? "default",
    refine: options.refine ?? refine,
    match: options.match ?? match,
    transport: options.transport ?? (transport && perBlock),
    reconstruct: integer("--reconstruct", options.reconstruct ?? reconstruct, 0),
    samples: integer("--samples", options.samples ?? preset.samples, 1),
  };
}

function integer(option: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new OptionError(`${option} ${value}: an integer of at least ${least}`);
  }
  return value;
}
