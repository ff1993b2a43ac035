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

/** For libraries to which larger works would take too long: what they are measured with at most. */
export function atMost(
  { kind, limit, reason }: { readonly kind: WorkKind; readonly limit: number; readonly reason: string },
  prepare: Prepare,
): Prepare {
  return (inputs, sizes) => {
    const operations = kind === "gemm" ? sizes.reduce((a, b) => a * b, 1) : sizes[0]! ** 3;
    if (operations > limit ** 3) throw new Unsupported(`${reason}; measured up to ${limit}`);
    return prepare(inputs, sizes);
  };
}

/** For plain JavaScript. */
export const slowProducts = (prepare: Prepare, limit = 1024): Prepare =>
  atMost({ kind: "gemm", limit, reason: "larger products take seconds" }, prepare);

export const slowEigen = (prepare: Prepare): Prepare =>
  atMost({ kind: "symmetricEigen", limit: 512, reason: "larger matrices take tens of seconds" }, prepare);
