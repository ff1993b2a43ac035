import { type Contender, Unsupported, type WorkKind } from "@denoise-rotator/bench";

/** Makes a contender, or throws {@link Unsupported} where library or engine are not there. */
export type CreateContender = (threads: number) => Promise<Contender>;

/** For libraries that use one thread under Node whatever they are asked for. */
export function requireOneThread(threads: number, library: string): void {
  if (threads !== 1) throw new Unsupported(`${library} uses one thread under Node`);
}

export interface Limit {
  readonly kind: WorkKind;
  /** Side of the largest square work that is measured. */
  readonly most: number;
  readonly reason: string;
}

/** For libraries to which larger works would take too long: what they are measured with at most. */
export const limited = (contender: Contender, { kind, most, reason }: Limit): Contender => ({
  ...contender,
  prepare(work, inputs) {
    if (work.kind === kind) {
      const { sizes } = work;
      const operations = kind === "gemm" ? sizes.reduce((a, b) => a * b, 1) : sizes[0]! ** 3;
      if (operations > most ** 3) throw new Unsupported(`${reason}; measured up to ${most}`);
    }
    return contender.prepare(work, inputs);
  },
});

/** For plain JavaScript. */
export const slowProducts = (contender: Contender, most = 1024): Contender =>
  limited(contender, { kind: "gemm", most, reason: "larger products take seconds" });

export const slowEigen = (contender: Contender): Contender =>
  limited(contender, { kind: "symmetricEigen", most: 512, reason: "larger matrices take tens of seconds" });
