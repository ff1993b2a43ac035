import { describe, expect, it } from "vitest";
import { PythonRandom } from "../../src/tasks/python-random.js";

describe("PythonRandom", () => {
  // python3.11 -c "import random; r = random.Random(1234); print([r.sample(range(10), 3) for _ in range(3)])"
  it.each<[seed: number, total: number, count: number, samples: number[][]]>([
    [
      1234,
      10,
      3,
      [
        [7, 1, 0],
        [1, 0, 9],
        [1, 5, 3],
      ],
    ],
    [
      1234,
      10,
      10,
      [
        [7, 1, 0, 9, 4, 6, 5, 3, 8, 2],
        [0, 9, 8, 2, 5, 4, 3, 6, 1, 7],
      ],
    ],
    [
      0,
      22,
      5,
      [
        [12, 13, 1, 8, 16],
        [15, 12, 9, 11, 18],
        [6, 16, 4, 9, 3],
      ],
    ],
    [
      1234,
      5000,
      6,
      [
        [3610, 957, 61, 742, 4769, 286],
        [687, 806, 2905, 1939, 142, 252],
      ],
    ],
    [
      42,
      100000,
      2,
      [
        [83810, 14592],
        [3278, 97196],
        [36048, 32098],
      ],
    ],
    [
      4294967295,
      100,
      25,
      [[81, 79, 26, 27, 77, 66, 37, 95, 43, 48, 86, 88, 35, 45, 63, 52, 8, 96, 78, 17, 61, 64, 46, 20, 7]],
    ],
  ])("should draw what Python draws by seed %i, of %i rows %i", (seed, total, count, samples) => {
    const random = new PythonRandom(seed);
    expect(samples.map(() => random.sample(total, count))).toEqual(samples);
  });

  it("should do so after thousands of draws", () => {
    const random = new PythonRandom(1234);
    let last: number[] = [];
    for (let i = 0; i < 300; i++) last = random.sample(1000, 7);
    expect(last).toEqual([130, 354, 364, 166, 1, 876, 240]);
  });
});
