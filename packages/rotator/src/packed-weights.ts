import type { SiteRole } from "@denoise-rotator/contracts";
import type { Tensor } from "@denoise-rotator/core";

/** Stretches of rows of the packed weights, in their order. Those before `value` may be sampled. */
export const parts = ["queryKey", "gateUp", "down", "value", "output"] as const;
export type Part = (typeof parts)[number];

export const partRoles = {
  queryKey: ["qProj", "kProj"],
  gateUp: ["gateProj", "upProj"],
  down: ["downProj"],
  value: ["vProj"],
  output: ["oProj"],
} as const satisfies Record<Part, readonly SiteRole[]>;

/** Every weight of a block that R1 turns, one below the other: o and down transposed, so that W·R1 turns them all. */
export interface PackedWeights {
  /** `[rows, hidden]`. */
  readonly weights: Tensor;
  /** First row of each part and the one behind its last. */
  readonly rows: Readonly<Record<Part, readonly [from: number, to: number]>>;
  /** Fixed column scale of down's rows. */
  readonly downScale: Tensor | undefined;
  /** What the terms of queryKey, gateUp and down count for: 1, or the inverse share of rows that were drawn. */
  readonly factor: number;
  dispose(): void;
}

/** Stretches of these lengths, one after the other. */
export function rowsFrom(lengths: Readonly<Record<Part, number>>): PackedWeights["rows"] {
  let end = 0;
  const ranges = parts.map((part) => {
    const from = end;
    end += lengths[part];
    return [part, [from, end]] as const;
  });
  return Object.fromEntries(ranges) as unknown as PackedWeights["rows"];
}
