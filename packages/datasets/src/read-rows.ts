import { DatasetError } from "./errors.js";
import { jsonRows, textRows } from "./json-rows.js";
import { parquetRows } from "./parquet-rows.js";
import { checkColumns, type Row } from "./row.js";

/** Endings of the files that hold rows, the preferred first. */
export const rowFileForms: readonly RegExp[] = [
  /\.parquet$/,
  /\.(jsonl|ndjson)(\.gz)?$/,
  /\.json(\.gz)?$/,
  /\.(txt|raw|text|tokens)(\.gz)?$/,
];

/**
 * The rows of one file, by its ending: `.parquet`, `.jsonl`, `.json` (lines or one list), `.txt` (a row a line, in the column
 * `text`); all but parquet also with `.gz`.
 *
 * @param columns those that must be there; parquet reads no others.
 * @throws {DatasetError} naming file and row.
 */
export async function* readRows(path: string, columns?: readonly string[]): AsyncGenerator<Row> {
  const form = rowFileForms.findIndex((ending) => ending.test(path));
  if (form < 0) {
    throw new DatasetError(
      "MALFORMED",
      `${path}: rows are read from .parquet, .jsonl, .json and .txt, the last three also as .gz`,
    );
  }
  const rows = form === 0 ? parquetRows(path, columns) : form === 3 ? textRows(path) : jsonRows(path);
  for await (const { row, where } of rows) {
    checkColumns(Object.keys(row), columns ?? [], where);
    yield row;
  }
}
