import {
  attention,
  type Backend,
  cpu,
  crossEntropy,
  fromArray,
  gram,
  groupEntropyInto,
  item,
  prunedEnergyInto,
  Random,
  rmsNorm,
  softmax,
  type Tensor,
  tidy,
  toNumbers,
} from "@denoise-rotator/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeOnDevice } from "./adapter.js";
import { open } from "./open.js";

/** Sizes that take other ways than the testkit's small ones: several blocks, shared rows, folded grids. */
describeOnDevice("kernels at larger sizes", () => {
  let backend: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend.dispose());

  const normal = (seed: number, shape: readonly number[], on: Backend = backend) =>
    new Random(seed).normal(shape, { backend: on });
  const numbers = async (x: Tensor): Promise<number[]> => Array.from(await toNumbers(x));
  const distance = async (actual: Tensor, expected: Tensor): Promise<number> => {
    const [p, q] = [await numbers(actual), await numbers(expected)];
    expect(p.length).toBe(q.length);
    return p.reduce((worst, value, i) => Math.max(worst, Math.abs(value - q[i]!)), 0);
  };
  /** Largest difference between what `f` gives on the device and on the host. */
  const gap = (f: (on: Backend) => Tensor): Promise<number> =>
    distance(
      tidy(() => f(backend)),
      tidy(() => f(cpu)),
    );

  it("should attend over several blocks of causal queries", async () => {
    for (const [queries, keys] of [
      [280, 300],
      [270, 260],
    ] as const) {
      const visible = Math.max(0, queries - keys);
      const worst = await gap((on) => {
        const q = normal(1, [1, 4, queries, 4], on);
        const [k, v] = [2, 3].map((seed) => normal(seed, [1, 2, keys, 4], on)) as [Tensor, Tensor];
        return attention(q, k, v).slice(null, null, [visible]);
      });
      expect(worst).toBeLessThan(1e-5);
    }
  });

  it("should give NaN to queries that see no key, also where a whole block of them does not", async () => {
    const q = normal(1, [1, 1, 600, 4]);
    const kv = normal(2, [1, 1, 10, 4]);
    const values = await numbers(attention(q, kv, kv));

    expect(values.slice(0, 590 * 4).every(Number.isNaN)).toBe(true);
    expect(values.slice(590 * 4).every(Number.isFinite)).toBe(true);
  });

  it("should go over long rows", async () => {
    expect(await gap((on) => softmax(normal(4, [3, 5000], on).mul(4)))).toBeLessThan(1e-6);
    expect(await gap((on) => rmsNorm(normal(5, [3, 3000], on), normal(6, [3000], on), 1e-5))).toBeLessThan(
      2e-5,
    );
    const worst = await gap((on) => {
      const targets = fromArray([4999, -1, 0], [3], { dtype: "i32", backend: on });
      return crossEntropy(normal(7, [3, 5000], on), targets).slice([0, 1]);
    });
    expect(worst).toBeLessThan(1e-5);
  });

  it("should multiply more matrices than a grid has places along an axis", async () => {
    const [a, b] = [normal(8, [70_000, 2, 3]), normal(9, [70_000, 3, 2])];
    const [p, q] = [a, b].map((x) => x.slice([69_990]).contiguous()) as [Tensor, Tensor];
    const worst = await distance(
      a.matmul(b).slice([69_990]),
      p.unsqueeze(-1).mul(q.unsqueeze(1)).sum({ axis: 2 }),
    );
    expect(worst).toBeLessThan(1e-5);
  });

  it("should mirror large Gram matrices, adding onto them too", async () => {
    const x = normal(10, [20, 200]);
    const product = tidy(() => x.transpose().matmul(x));
    const G = gram(x);
    expect(await distance(G, product)).toBe(0);
    backend.kernels.syrk!(x.operand, G.operand, { alpha: 0.5, accumulate: true });
    expect(
      await distance(
        G,
        tidy(() => product.mul(1.5)),
      ),
    ).toBeLessThan(1e-4);
    expect(await item(tidy(() => G.sub(G.transpose()).abs().max()))).toBe(0);
  });

  it("should mask long groups and add up the energy of what is pruned", async () => {
    for (const inputAxis of [0, 1] as const) {
      for (const scaled of [true, false]) {
        const shape = inputAxis === 1 ? [37, 192] : [192, 37];
        const run = (on: Backend) => {
          const y = normal(11, shape, on);
          const h = scaled ? tidy(() => normal(12, [192], on).abs()) : undefined;
          const energy = prunedEnergyInto(y, { inputAxis, group: 96, count: 40, h });
          return [y, energy] as const;
        };
        const [device, host] = [run(backend), run(cpu)];
        expect(await distance(device[0], host[0])).toBe(0);
        expect(await distance(device[1], host[1])).toBeLessThan(1e-4);
      }
    }
  });

  it("should take the entropies of many columns, one invocation for each", async () => {
    const run = (on: Backend) => {
      const y = normal(13, [40, 700], on);
      const h = tidy(() => normal(14, [40], on).abs().add(0.1));
      const { entropies, energy } = groupEntropyInto(y, y, { axis: 0, accumulate: false, h });
      return [y, entropies, energy] as const;
    };
    const [device, host] = [run(backend), run(cpu)];
    for (let i = 0; i < 3; i++) expect(await distance(device[i]!, host[i]!)).toBeLessThan(1e-4);
  });
});
