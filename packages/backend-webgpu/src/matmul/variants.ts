/**
 * How a product is spread over invocations. Every variant adds up a result's terms one by one in order of k with
 * fused multiply-adds, so that which one is chosen never shows in the bytes of a result.
 */
export interface Variant {
  /**
   * `blocks`: every invocation loads what it multiplies, best where loads are cached and barriers slow (software
   * adapters); `tiles`: workgroups share what they load, best on GPUs.
   */
  readonly kind: "blocks" | "tiles";
  /** Rows and columns of one invocation, multiples of four (rows of `blocks` may be 1 or 2 where a's packing is inner). */
  readonly rows: number;
  readonly columns: number;
  /** Invocations of a workgroup along columns and rows. */
  readonly across: number;
  readonly down: number;
  /** Elements of k that a workgroup loads at once; `tiles` only, a multiple of four. */
  readonly depth?: number;
}

const blocks = (rows: number, columns: number, across: number, down: number): Variant => ({
  kind: "blocks",
  ...{ rows, columns, across, down },
});
const tiles = (rows: number, columns: number, across: number, down: number, depth: number): Variant => ({
  kind: "tiles",
  ...{ rows, columns, across, down, depth },
});

export const variants = {
  blocks16x16: blocks(16, 16, 4, 4),
  blocks8x8: blocks(8, 8, 4, 4),
  blocks4x8: blocks(4, 8, 8, 8),
  blocks4x4: blocks(4, 4, 8, 8),
  /** 64 × 64 by 256 invocations: 16 KiB of workgroup memory. */
  tiles64: tiles(4, 4, 16, 16, 32),
  /** 64 × 64 by 64 invocations. */
  tiles64x8: tiles(8, 8, 8, 8, 32),
  /** 128 × 128 by 256 invocations. */
  tiles128: tiles(8, 8, 16, 16, 16),
  /** 32 × 32 by 64 invocations, for small results. */
  tiles32: tiles(4, 4, 8, 8, 32),
} as const satisfies Record<string, Variant>;
export type VariantName = keyof typeof variants;

/** Few rows: one invocation has all of them and four columns. */
export const narrow: Readonly<Record<1 | 4 | 8, Variant>> = {
  1: blocks(1, 4, 64, 1),
  4: blocks(4, 4, 64, 1),
  8: blocks(8, 4, 64, 1),
};

export const tileRows = ({ rows, down }: Variant): number => rows * down;
export const tileColumns = ({ columns, across }: Variant): number => columns * across;

export const variantKey = ({ kind, rows, columns, across, down, depth = 0 }: Variant): string =>
  `${kind} ${rows}x${columns} ${across}x${down} ${depth}`;
