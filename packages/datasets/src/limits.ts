/** Bounds on files from strangers. */
export const limits = {
  /** Characters of one line, after decompression. */
  lineLength: 64 * 2 ** 20,
  /** Characters of a JSON list, after decompression. */
  jsonLength: 512 * 2 ** 20,
  /** Bytes of one row group of parquet, uncompressed, of the columns that are read. */
  rowGroupBytes: 2 * 2 ** 30,
  /** Files and folders that are looked at for a split. */
  entries: 20_000,
  /** Folders below the one that is given. */
  depth: 4,
} as const;
