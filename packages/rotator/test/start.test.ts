import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dealtOrder } from "../src/index.js";

describe("dealtOrder", () => {
  it("should deal to and fro", () => {
    expect(dealtOrder([8, 7, 6, 5, 4, 3, 2, 1], 4)).toEqual([0, 3, 4, 7, 1, 2, 5, 6]);
    expect(dealtOrder([1, 2, 3, 4], 2)).toEqual([3, 0, 2, 1]);
  });

  it("should be a permutation whose groups hold one column of every rank", () => {
    const shapes = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 9 }));
    fc.assert(
      fc.property(shapes, fc.infiniteStream(fc.integer({ min: 0, max: 5 })), ([group, hands], stream) => {
        const importances = [...stream.take(group * hands)];
        const order = dealtOrder(importances, group);
        expect([...order].sort((a, b) => a - b)).toEqual(importances.map((_, i) => i));
        const falling = importances.map((_, rank) => order.map((i) => importances[i]!)[rank]!);
        for (let hand = 0; hand < hands; hand++) {
          const held = falling.slice(hand * group, (hand + 1) * group);
          expect(held).toEqual([...held].sort((a, b) => b - a));
        }
      }),
    );
  });
});
