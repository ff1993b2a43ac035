import { shown } from "../config-fields.js";
import { CheckpointError } from "../errors.js";

/** At most `keep` of every `of` consecutive weights of a row are not zero; `1 ≤ keep < of ≤ 16`. */
export interface PackedPattern {
  readonly keep: number;
  readonly of: number;
}

/** The largest M of an N:M that can be stored packed: positions have at most 4 bits. */
const largestGroup = 16;

/** Bits that tell where in its group a kept weight stands. */
export const positionBits = ({ of }: PackedPattern): number => Math.ceil(Math.log2(of));

/** Kept values of a row of `columns` weights. */
export const keptColumns = ({ keep, of }: PackedPattern, columns: number): number => (columns / of) * keep;

/** Bytes of the positions of a row of `columns` weights; its last byte is filled up with zeros. */
export const positionColumns = (pattern: PackedPattern, columns: number): number =>
  Math.ceil((keptColumns(pattern, columns) * positionBits(pattern)) / 8);

export const formatPackedPattern = ({ keep, of }: PackedPattern): string => `${keep}:${of}`;

/** Reads `"2:4"`; `where` names what says so. Throws {@link CheckpointError} `PATTERN`. */
export function parsePackedPattern(where: string, text: unknown): PackedPattern {
  const match = typeof text === "string" ? /^(\d{1,2}):(\d{1,2})$/.exec(text) : null;
  const [keep, of] = [Number(match?.[1]), Number(match?.[2])];
  if (keep >= 1 && keep < of && of <= largestGroup) return { keep, of };
  throw new CheckpointError(
    "PATTERN",
    `${where}: ${shown(text)} cannot be stored packed; N:M with 1 ≤ N < M ≤ ${largestGroup} can, as 2:4`,
  );
}
