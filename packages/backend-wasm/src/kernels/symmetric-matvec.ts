import type { Engine } from "../engine/engine.js";
import { parallel } from "../threads/parallel.js";
import { withTemporaries } from "./temporaries.js";

/** Stretches of rows, each with a sum of its own, whatever the number of threads: so the bits are the same for all. */
const stretches = 4;
/** Below this size one sum does. */
const smallest = 256;
/** Nanoseconds that an element of the triangle takes, about. */
const elementCost = 0.07;

/** y = A·x for symmetric A `[n, n]` of which the upper triangle is read; `corner`: its first element, `row` in bytes. */
export function multiplySymmetric(
  engine: Engine,
  corner: number,
  row: number,
  x: number,
  y: number,
  n: number,
): void {
  if (n < smallest) {
    engine.memory.f32.fill(0, y >>> 2, (y >>> 2) + n);
    engine.native.symmetricMatvec!(corner, row, x, y, n, n);
    return;
  }
  withTemporaries(engine, (temporaries) => {
    const sums = temporaries.allocate(4 * stretches * n).address;
    const one = temporaries.allocate(4).address;
    const { f32 } = engine.memory;
    f32.fill(0, sums >>> 2, (sums >>> 2) + stretches * n);
    f32[one >>> 2] = 1;
    const tasks = Array.from({ length: stretches }, (_, i) => {
      const [first, end] = [boundary(n, i), boundary(n, i + 1)];
      const to = sums + 4 * (i * n + first);
      return [corner + first * (row + 4), row, x + 4 * first, to, n - first, end - first];
    });
    parallel(engine, "symmetricMatvec", tasks, (elementCost * n * n) / 2);
    engine.native.combineRows!(y, one, 0, sums, 4 * n, stretches, n, 1, 0);
  });
}

/** Where stretch `index` begins, so that all cover about as much of the triangle. */
const boundary = (n: number, index: number): number =>
  index === stretches ? n : 4 * Math.floor((n * (1 - Math.sqrt(1 - index / stretches))) / 4);
