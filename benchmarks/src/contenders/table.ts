import {
  type Contender,
  type Dense,
  type Prepared,
  Unsupported,
  type Work,
  type WorkKind,
} from "../harness/contender.js";

/** How a library does a kind of work. */
export type Prepare = (inputs: readonly Dense[], sizes: readonly number[]) => Promise<Prepared> | Prepared;

/** A contender that prepares works by a table; what the table lacks, the library lacks. */
export const contender = (
  versions: Readonly<Record<string, string>>,
  table: Readonly<Partial<Record<WorkKind, Prepare>>>,
): Contender => ({
  versions,
  prepare(work: Work, inputs) {
    const prepare = table[work.kind];
    if (!prepare) throw new Unsupported("has no such operation");
    return prepare(inputs, work.sizes);
  },
});

/** For libraries that use one thread under Node whatever they are asked for. */
export function requireOneThread(threads: number, library: string): void {
  if (threads !== 1) throw new Unsupported(`${library} uses one thread under Node`);
}
