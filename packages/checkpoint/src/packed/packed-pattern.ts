import { shown } from "../config-fields.js";
import { CheckpointError } from "../errors.js";

/** At most `keep` of every `of` consecutive weights of a row are not zero; `1 ≤ keep < of ≤ 16`. */
export interface PackedPattern {
  readonly keep: number;
  readonly of: number;
  /** Consecutive rows that keep the same, and share one row of positions; divides the rows. Default 1. */
  readonly rows?: number | undefined;
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

/** Rows that share their positions. */
export const blockRows = ({ rows = 1 }: PackedPattern): number => rows;

/** The row of positions of a row of weights. */
export const positionRow = (pattern: PackedPattern, row: number): number =>
  Math.floor(row / blockRows(pattern));

/** Rows of positions that weights `[begin, end)` have. */
export const positionRows = (pattern: PackedPattern, begin: number, end: number): [number, number] => [
  positionRow(pattern, begin),
  Math.ceil(end / blockRows(pattern)),
];

export const formatPackedPattern = ({ keep, of, rows = 1 }: PackedPattern): string =>
  `${keep}:${of}${rows === 1 ? "" : `/${rows}`}`;

/** Reads `"2:4"` and `"2:4/32"`; `where` names what says so. Throws {@link CheckpointError} `PATTERN`. */
export function parsePackedPattern(where: string, text: unknown): PackedPattern {
  const match = typeof text === "string" ? /^(\d{1,2}):(\d{1,2})(?:\/(\d{1,6}))?$/.exec(text) : null;
  const [keep, of, rows] = [Number(match?.[1]), Number(match?.[2]), Number(match?.[3] ?? 1)];
  if (keep >= 1 && keep < of && of <= largestGroup && rows >= 1)
    return rows === 1 ? { keep, of } : { keep, of, rows };
  throw new CheckpointError(
    "PATTERN",
    `${where}: ${shown(text)} cannot be stored packed; N:M with 1 ≤ N < M ≤ ${largestGroup} can, as 2:4 or, shared by rows, 2:4/32`,
  );
}
