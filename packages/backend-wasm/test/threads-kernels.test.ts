import {
  attention,
  crossEntropy,
  entropy,
  fromArray,
  Random,
  rmsNorm,
  rope,
  smallest,
  softmax,
  swiglu,
  type Tensor,
  tidy,
  where,
} from "@denoise-rotator/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type WasmBackend, wasm } from "../src/index.js";

let backends: WasmBackend[];
/** Two tensors of random numbers on each backend. */
let numbers: Map<WasmBackend, readonly [Tensor, Tensor]>;
beforeAll(async () => {
  backends = await Promise.all([1, 2, 3].map((threads) => wasm({ threads })));
  const shape = [500, 900];
  const values = [1, 2].map((seed) => tidy(() => new Random(seed).normal(shape).readSync()));
  numbers = new Map(
    backends.map((backend) => {
      const [x, y] = values.map((list) => fromArray(list as Float32Array, shape, { backend }));
      return [backend, [x!, y!]];
    }),
  );
});
afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

const random = (backend: WasmBackend, shape: readonly number[], seed: number): Tensor =>
  new Random(seed).normal(shape, { backend });

/** The bits of a computation on each backend, as hexadecimal: short to compare, and NaN equals itself. */
const onEach = (compute: (backend: WasmBackend) => Tensor): string[] =>
  backends.map((backend) =>
    tidy(() => {
      // Wakes the workers, so that what follows is worth sharing.
      const warm = numbers.get(backend)![0].slice([0, 300], [0, 300]);
      warm.matmul(warm);
      const values = compute(backend).readSync();
      return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
    }),
  );

const expectSame = (compute: (backend: WasmBackend) => Tensor): void => {
  const [first, ...others] = onEach(compute);
  for (const other of others) expect(other === first).toBe(true);
};

/** Rows and columns of operands large enough to be shared, few of them round numbers. */
const sizes = fc.tuple(fc.integer({ min: 60, max: 500 }), fc.integer({ min: 300, max: 900 }));
const computations: readonly (readonly [string, (x: Tensor, y: Tensor) => Tensor])[] = [
  ["exp", (x) => x.exp()],
  ["log", (x) => x.log()],
  ["a sum of operands", (x, y) => x.add(y)],
  ["a broadcast row", (x, y) => x.mul(y.slice([0, 1]))],
  ["a broadcast column", (x, y) => x.sub(y.slice(null, [0, 1]))],
  ["a comparison", (x, y) => x.less(y)],
  ["a cast", (x) => x.cast("i32")],
  ["a choice", (x, y) => where(x.less(y), x, y)],
  ["a transpose", (x) => x.transpose().contiguous()],
  ["sums of rows", (x) => x.sum({ axis: 1 })],
  ["sums of columns", (x) => x.sum({ axis: 0 })],
  ["the sum", (x) => x.sum()],
  ["maxima of columns", (x) => x.max({ axis: 0 })],
  ["softmax", (x) => softmax(x)],
  ["entropy", (x) => entropy(x.square())],
  ["rmsNorm", (x, y) => rmsNorm(x, y.slice([0, 1]).squeeze(0), 1e-5)],
  ["swiglu", (x, y) => swiglu(x, y)],
  ["half of each row", (x) => smallest(x, { count: 100 })],
  ["half of everything", (x) => smallest(x.reshape([x.size]), { count: x.size >> 1 })],
];

describe("kernels on threads", () => {
  it.each(computations)("%s should have the same bits whatever their number", (_, compute) => {
    fc.assert(
      fc.property(sizes, ([rows, columns]) =>
        expectSame((backend) => {
          const [x, y] = numbers.get(backend)!.map((z) => z.slice([0, rows], [0, columns]).contiguous());
          return compute(x!, y!);
        }),
      ),
      { numRuns: 4 },
    );
  });

  it.each([4, 8, 64])("smallest of groups of %i should have the same bits", (group) => {
    expectSame((backend) => smallest(random(backend, [333, 640], 5), { group, count: group / 2 }));
  });

  it("crossEntropy, rope and attention should have the same bits", () => {
    expectSame((backend) => {
      const targets = fromArray(
        Array.from({ length: 301 }, (_, i) => i),
        [301],
        { dtype: "i32", backend },
      );
      return crossEntropy(random(backend, [301, 1000], 3), targets);
    });
    expectSame((backend) =>
      rope(random(backend, [5, 300, 64], 1), random(backend, [300, 32], 2), random(backend, [300, 32], 3)),
    );
    for (const causal of [true, false]) {
      expectSame((backend) => {
        const [q, k, v] = [
          random(backend, [2, 6, 250, 32], 1),
          ...[2, 3].map((s) => random(backend, [2, 2, 401, 32], s)),
        ];
        return attention(q!, k!, v!, { causal });
      });
    }
  });
});
