import { type Contender, type Dense, type Prepared, Unsupported, type WorkKind } from "../contender.js";

/** How a library does a kind of work. */
export type Prepare = (inputs: readonly Dense[], sizes: readonly number[]) => Promise<Prepared> | Prepared;

export type PrepareTable = Readonly<Partial<Record<WorkKind, Prepare>>>;

/**
 * A contender that prepares works by a table; what the table lacks, the library lacks. Sparse layers are dense ones to who has
 * only those.
 */
export const contender = (
  identity: Omit<Contender, "prepare" | "describe"> & Partial<Pick<Contender, "describe">>,
  table: PrepareTable,
): Contender => ({
  describe: () => ({}),
  ...identity,
  prepare({ kind, sizes }, inputs) {
    const prepare = table[kind] ?? (kind === "linear24" ? table.linear : undefined);
    if (!prepare) throw new Unsupported("has no such operation");
    return prepare(inputs, sizes);
  },
});

/** What a library's arrays can do. */
export interface Arrays<T> {
  upload(dense: Dense): T;
  /** Resolves when `x` has been computed, by reading one element or as the library does it. */
  wait(x: T): Promise<unknown>;
  download(x: T): Promise<Dense>;
  dispose(x: T): void;
}

/** Operations of a library whose results are new arrays: those of the last run are disposed of before the next. */
export const operationsOf =
  <T>(arrays: Arrays<T>) =>
  (run: (...inputs: T[]) => T | T[] | Promise<T | T[]>): Prepare =>
  (inputs) => {
    const operands = inputs.map((dense) => arrays.upload(dense));
    let last: T[] = [];
    const free = () => {
      for (const result of last) arrays.dispose(result);
      last = [];
    };
    const keep = (results: T | T[]) => {
      last = Array.isArray(results) ? results : [results];
    };
    return {
      run() {
        free();
        const results = run(...operands);
        return results instanceof Promise ? results.then(keep) : keep(results);
      },
      finish: async () => last[0] !== undefined && arrays.wait(last[0]),
      results: () => Promise.all(last.map((x) => arrays.download(x))),
      dispose() {
        free();
        for (const operand of operands) arrays.dispose(operand);
      },
    };
  };
