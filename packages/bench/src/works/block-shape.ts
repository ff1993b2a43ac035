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
  /** For a first look: what a page does in milliseconds. */
  small: { hidden: 64, heads: 4, keyValueHeads: 2, headDim: 16, intermediate: 128 },
  /** The embedded model's. */
  "tiny-llama": { hidden: 256, heads: 8, keyValueHeads: 2, headDim: 32, intermediate: 704 },
  /** SmolLM2-135M's. */
  "smollm2-135m": { hidden: 576, heads: 9, keyValueHeads: 3, headDim: 64, intermediate: 1536 },
  /** Llama-3.2-1B's. */
  "llama-1b": { hidden: 2048, heads: 32, keyValueHeads: 8, headDim: 64, intermediate: 8192 },
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

/** A shape from sizes that begin with its fields in order. */
export function shapeOfSizes(sizes: readonly number[]): BlockShape {
  const [hidden, heads, keyValueHeads, headDim, intermediate] = sizes as [
    number,
    number,
    number,
    number,
    number,
  ];
  return { hidden, heads, keyValueHeads, headDim, intermediate };
}
