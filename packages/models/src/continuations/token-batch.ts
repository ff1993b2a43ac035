import { attention, concat, fromTyped, slice, type Tensor, take } from "@denoise-rotator/core";
import type { AttendOptions } from "../block-forward.js";
import type { ForwardBlock } from "../forward-block.js";
import type { RopeTables } from "../rope-tables.js";
import { groupTokens, type PrefixGroup, type Sequenced } from "./prefix-groups.js";

/** A stretch of one sequence, as rows `first`… of the batch. */
interface Stretch {
  readonly first: number;
  readonly count: number;
  /** The stretch before it in its sequence. */
  readonly after: Stretch | undefined;
}

/**
 * Groups of sequences side by side, without padding: a group's shared beginning, then the rest of each member, as one row of
 * tokens. Linear layers see all of them at once, attention a stretch at a time.
 */
export class TokenBatch<T extends Sequenced> {
  /** Ids `[tokens]`. */
  readonly ids: Int32Array;
  /** Of each token in its sequence, `[tokens]`. */
  readonly positions: Int32Array;
  readonly members: readonly T[];
  readonly #stretches: readonly Stretch[];
  /** Of each member its last stretch. */
  readonly #ends: readonly Stretch[];

  constructor(groups: readonly PrefixGroup<T>[]) {
    const tokens = groups.reduce((sum, group) => sum + groupTokens(group), 0);
    this.ids = new Int32Array(tokens);
    this.positions = new Int32Array(tokens);
    this.members = groups.flatMap(({ members }) => members);
    const stretches: Stretch[] = [];
    const ends: Stretch[] = [];
    let first = 0;
    const add = (inputs: Int32Array, from: number, to: number, after?: Stretch): Stretch => {
      this.ids.set(inputs.subarray(from, to), first);
      for (let i = from; i < to; i++) this.positions[first + i - from] = i;
      const stretch = { first, count: to - from, after };
      first += to - from;
      stretches.push(stretch);
      return stretch;
    };
    for (const { shared, members } of groups) {
      const prefix = shared > 0 ? add(members[0]!.inputs, 0, shared) : undefined;
      for (const { inputs } of members) {
        ends.push(prefix && inputs.length === shared ? prefix : add(inputs, shared, inputs.length, prefix));
      }
    }
    this.#stretches = stretches;
    this.#ends = ends;
  }

  get tokens(): number {
    return this.ids.length;
  }

  /** The row of token `position` of member `index`. */
  row(index: number, position: number): number {
    const end = this.#ends[index]!;
    const before = end.after?.count ?? 0;
    return position < before ? end.after!.first + position : end.first + position - before;
  }

  /** The first member that reads the token of a row. */
  memberAt(row: number): T {
    const reads = ({ first, count }: Stretch) => first <= row && row < first + count;
    return this.members[this.#ends.findIndex((end) => reads(end) || (end.after && reads(end.after)))]!;
  }

  /**
   * The block's outputs for x `[1, tokens, hidden]`, same shape; `tables` are of all positions. The caller disposes.
   */
  forward(block: ForwardBlock, x: Tensor, tables: RopeTables): Tensor {
    using positions = fromTyped(this.positions, [this.tokens], "i32", x.backend);
    using cosine = take(tables.cosine, positions);
    using sine = take(tables.sine, positions);
    return block.forwardWith(x, { cosine, sine }, (q, k, v, options) => this.#attend(q, k, v, options));
  }

  #attend(q: Tensor, k: Tensor, v: Tensor, options: AttendOptions): Tensor {
    const rows = (x: Tensor, { first, count }: Stretch) => slice(x, null, null, [first, first + count]);
    const seen = (x: Tensor, stretch: Stretch) =>
      stretch.after ? concat([rows(x, stretch.after), rows(x, stretch)], 2) : rows(x, stretch);
    const mixed = this.#stretches.map((stretch) =>
      attention(rows(q, stretch), seen(k, stretch), seen(v, stretch), options),
    );
    return mixed.length === 1 ? mixed[0]! : concat(mixed, 2);
  }
}
