import type { DecoderConfig } from "@denoise-rotator/checkpoint";
import { type SiteRole, siteRoles, siteShapes } from "@denoise-rotator/contracts";

const bytesPerFloat = 4;

/** Bytes in f32 of what one block consists of. */
export interface BlockSizes {
  /** Hidden size, width of all heads, of the key/value heads, and of the feed-forward part. */
  readonly hidden: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly intermediate: number;
  /** Of every linear layer. */
  readonly weights: Readonly<Record<SiteRole, number>>;
  /** All of them. */
  readonly block: number;
  /** The largest of them. */
  readonly largest: number;
  /** H of what the sites of each group read, in the order of the forward pass. */
  readonly grams: readonly [attention: number, output: number, mlp: number, down: number];
}

/** Bytes of f32 values. */
export const floats = (...counts: readonly number[]): number =>
  counts.reduce((product, count) => product * count, bytesPerFloat);

export function blockSizes(config: DecoderConfig): BlockSizes {
  const { hiddenSize: hidden, intermediateSize: intermediate, headDim: dim } = config;
  const heads = { count: config.headCount, keyValueCount: config.keyValueHeadCount, dim };
  const shapes = siteShapes({ hiddenSize: hidden, heads, intermediate });
  const weights = Object.fromEntries(
    siteRoles.map((role) => [role, floats(...shapes[role])]),
  ) as BlockSizes["weights"];
  const wide = heads.count * dim;
  return {
    hidden,
    heads: wide,
    keyValueHeads: heads.keyValueCount * dim,
    intermediate,
    weights,
    block: Object.values(weights).reduce((sum, bytes) => sum + bytes, 0),
    largest: Math.max(...Object.values(weights)),
    grams: [
      floats(hidden, hidden),
      floats(wide, wide),
      floats(hidden, hidden),
      floats(intermediate, intermediate),
    ],
  };
}
