/** Token ids of which some may begin alike. */
export interface Sequenced {
  readonly inputs: Int32Array;
}

/** Sequences that share their first `shared` tokens, which the model then reads once. */
export interface PrefixGroup<T extends Sequenced> {
  readonly shared: number;
  readonly members: readonly T[];
}

/** Tokens that the model reads for a group. */
export const groupTokens = ({ shared, members }: PrefixGroup<Sequenced>): number =>
  members.reduce((sum, { inputs }) => sum + inputs.length - shared, shared);

/**
 * Groups sequences so that the model reads few tokens: in lexicographic order, each joins the group before it where that is
 * no more to read than to stand alone, while the group's own parts have at most `most` tokens together. A group of one
 * shares nothing.
 */
export function prefixGroups<T extends Sequenced>(sequences: readonly T[], most: number): PrefixGroup<T>[] {
  const sorted = [...sequences].sort((a, b) => compare(a.inputs, b.inputs));
  const groups: { shared: number; members: T[] }[] = [];
  for (const next of sorted) {
    const last = groups.at(-1);
    if (last) {
      const { members } = last;
      const length = members.length === 1 ? members[0]!.inputs.length : last.shared;
      const shared = Math.min(length, sharedLength(members.at(-1)!.inputs, next.inputs));
      const joined = { shared, members: [...members, next] };
      const saves = shared * members.length >= length * (members.length - 1);
      if (shared > 0 && saves && groupTokens(joined) - shared <= most) {
        groups[groups.length - 1] = joined;
        continue;
      }
    }
    groups.push({ shared: 0, members: [next] });
  }
  return groups;
}

function sharedLength(a: Int32Array, b: Int32Array): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

function compare(a: Int32Array, b: Int32Array): number {
  const at = sharedLength(a, b);
  return (a[at] ?? -1) - (b[at] ?? -1);
}
