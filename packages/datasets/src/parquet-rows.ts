import { type ByteSource, fileSource, HubError } from "@denoise-rotator/hub";
import type { FileMetaData } from "hyparquet";
import { DatasetError } from "./errors.js";
import { limits } from "./limits.js";
import { checkColumns, type Row } from "./row.js";
import { unreadable } from "./text-chunks.js";

/** Rows of a parquet file, a row group in memory at a time; of the `columns` given, or of all. */
export async function* parquetRows(
  path: string,
  columns: readonly string[] | undefined,
): AsyncGenerator<{ row: Row; where: string }> {
  const source = await fileSource(path).catch((error: unknown) => {
    throw error instanceof HubError && error.code === "NOT_FOUND"
      ? new DatasetError("NOT_FOUND", error.message, { cause: error })
      : unreadable(path, error);
  });
  try {
    yield* rowsFrom(source, path, columns);
  } finally {
    await source.close();
  }
}

async function* rowsFrom(source: ByteSource, path: string, columns: readonly string[] | undefined) {
  const [{ parquetMetadataAsync, parquetReadObjects, parquetSchema }, { compressors }] = await Promise.all([
    import("hyparquet"),
    import("hyparquet-compressors"),
  ]);
  const size = await source.size();
  const file = {
    byteLength: size,
    slice: async (start: number, end = size) => (await source.read(start, end - start)).buffer,
  };
  const metadata = await guarded(path, () => parquetMetadataAsync(file));
  const present = await guarded(path, async () =>
    parquetSchema(metadata).children.map(({ element }) => element.name),
  );
  checkColumns(present, columns ?? [], path);
  let rowStart = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    const where = `${path}, row group ${index}`;
    checkSize(group, columns, where);
    const rowEnd = rowStart + Number(group.num_rows);
    const wanted = columns ? { columns: [...columns] } : {};
    const rows = await guarded(where, () =>
      parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors, ...wanted }),
    );
    for (const [i, row] of rows.entries()) {
      yield { row: plain(row) as Row, where: `${path}, row ${rowStart + i}` };
    }
    rowStart = rowEnd;
  }
}

function checkSize(
  group: FileMetaData["row_groups"][number],
  columns: readonly string[] | undefined,
  where: string,
) {
  const bytes = group.columns
    .map(({ meta_data }) => meta_data)
    .filter((meta) => meta && (!columns || columns.includes(meta.path_in_schema[0]!)))
    .reduce((sum, meta) => sum + Number(meta!.total_uncompressed_size), 0);
  if (bytes <= limits.rowGroupBytes) return;
  throw new DatasetError(
    "LIMIT",
    `${where}: ${bytes} bytes uncompressed, the limit is ${limits.rowGroupBytes}`,
  );
}

/** Integers of 64 bits as numbers, where they are exact. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** The library trusts its file. */
async function guarded<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw unreadable(where, cause);
  }
}
