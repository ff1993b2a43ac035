import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attentionBlocks } from "../src/kernels/attention.js";

describe("attentionBlocks", () => {
  it("should cover every query once with the keys it sees, within the bytes of a block", () => {
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 32 }),
      fc.integer({ min: 1, max: 700 }),
      fc.integer({ min: 1, max: 5000 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(sizes, ([batches, heads, queries, keys, causal]) => {
        const covered = new Uint8Array(batches * queries);
        for (const block of attentionBlocks([batches, heads, queries], keys, causal)) {
          for (let b = block.batch; b < block.batch + block.batches; b++) {
            for (let i = block.start; i < block.start + block.queries; i++) covered[b * queries + i]!++;
          }
          const seen = causal ? block.start + block.queries + keys - queries : keys;
          expect(block.keys).toBe(Math.max(1, Math.min(keys, seen)));
          const scores = block.batches * heads * block.queries * block.keys;
          expect(scores <= 2 ** 23 || block.batches * block.queries === 1).toBe(true);
        }
        expect(covered.every((times) => times === 1)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
