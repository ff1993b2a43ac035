import { siteRoles, siteShapes } from "@denoise-rotator/contracts";

/** Sizes of a decoder block. */
export interface BlockShape {
  readonly hidden: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly intermediate: number;
}

export const blockShapes = {
  /** The embedded model's. */
  "tiny-llama": { hidden: 256, heads: 8, keyValueHeads: 2, headDim: 32, intermediate: 704 },
  /** SmolLM2-135M's. */
  "smollm2-135m": { hidden: 576, heads: 9, keyValueHeads: 3, headDim: 64, intermediate: 1536 },
} as const satisfies Record<string, BlockShape>;

export type BlockShapeName = keyof typeof blockShapes;

/** Shapes of a block's weights `[out, in]`, in the order of `siteRoles`. */
export function weightShapes(shape: BlockShape): [number, number][] {
  const { hidden, heads, keyValueHeads, headDim, intermediate } = shape;
  const layout = { count: heads, keyValueCount: keyValueHeads, dim: headDim };
  const all = siteShapes({ hiddenSize: hidden, heads: layout, intermediate });
  return siteRoles.map((role) => [...all[role]]);
}

/** Sites whose input statistics stand for those of all that read the same input. */
export const statisticsRoles = ["qProj", "oProj", "gateProj", "downProj"] as const;
