import { DatasetError } from "./errors.js";

/** A row of a data set: columns by name. */
export type Row = Readonly<Record<string, unknown>>;

/** Throws unless a row has columns of these names. */
export function checkColumns(present: readonly string[], wanted: readonly string[], where: string): void {
  const missing = wanted.filter((column) => !present.includes(column));
  if (missing.length === 0) return;
  throw new DatasetError(
    "COLUMNS",
    `${where}: has no column ${missing.join(", ")}; it has ${present.join(", ") || "none"}`,
  );
}
