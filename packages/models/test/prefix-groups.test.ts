import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { groupTokens, prefixGroups } from "../src/continuations/prefix-groups.js";
import { TokenBatch } from "../src/continuations/token-batch.js";

const sequences = fc.array(
  fc
    .array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 12 })
    .map((ids) => ({ inputs: Int32Array.from(ids) })),
  { minLength: 1, maxLength: 12 },
);
const total = (parts: readonly { inputs: Int32Array }[]) =>
  parts.reduce((sum, { inputs }) => sum + inputs.length, 0);

describe("prefixGroups", () => {
  it("should share only what all of a group begin with, read no more than without, and keep to the limit", () => {
    fc.assert(
      fc.property(sequences, fc.integer({ min: 1, max: 40 }), (given, most) => {
        const groups = prefixGroups(given, most);
        expect(new Set(groups.flatMap(({ members }) => members))).toEqual(new Set(given));
        expect(groups.flatMap(({ members }) => members)).toHaveLength(given.length);
        for (const group of groups) {
          const { shared, members } = group;
          const prefixes = members.map(({ inputs }) => inputs.subarray(0, shared).join());
          expect(new Set(prefixes).size).toBe(1);
          expect(groupTokens(group)).toBeLessThanOrEqual(total(members));
          if (members.length > 1) expect(groupTokens(group) - shared).toBeLessThanOrEqual(most);
          else expect(shared).toBe(0);
        }
      }),
    );
  });

  it("should read a context once, and what several contexts begin with once", () => {
    const read = (...given: number[][]) =>
      prefixGroups(
        given.map((ids) => ({ inputs: Int32Array.from(ids) })),
        100,
      ).reduce((sum, group) => sum + groupTokens(group), 0);
    expect(read([1, 2, 3, 7], [1, 2, 3, 8, 9], [1, 2, 3])).toBe(6);
    const examples = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    expect(read([...examples, 20], [...examples, 21, 22], [...examples, 23])).toBe(14);
    expect(read([1, 2], [3, 4])).toBe(4);
  });
});

describe("TokenBatch", () => {
  it("should hold every token of every sequence at its position", () => {
    fc.assert(
      fc.property(sequences, (given) => {
        const batch = new TokenBatch(prefixGroups(given, 20));
        for (const [i, { inputs }] of batch.members.entries()) {
          for (const [position, id] of inputs.entries()) {
            const row = batch.row(i, position);
            expect([batch.ids[row], batch.positions[row]]).toEqual([id, position]);
          }
        }
        for (let row = 0; row < batch.tokens; row++) {
          const reader = batch.members.indexOf(batch.memberAt(row));
          expect(batch.row(reader, batch.positions[row]!)).toBe(row);
        }
      }),
    );
  });
});
