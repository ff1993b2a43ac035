import {
  createCpuBackend,
  diagonalMatrix,
  entropy,
  eye,
  item,
  NonFiniteError,
  OptionError,
  Random,
  type Tensor,
  tensor,
} from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { euclidean, minimize, orthogonal, product, stiefel } from "../src/index.js";

const normal = (seed: number, shape: number[]) => new Random(seed).normal(shape);

/** W = A·R*, so that ‖A·R − W‖² is 0 at R*. */
const procrustes = (seed: number, n: number) => {
  const A = normal(seed, [2 * n, n]);
  const target = A.matmul(orthogonal(n).random(new Random(seed + 1)));
  return (R: Tensor) => A.matmul(R).sub(target).square().mean();
};

describe("minimize", () => {
  it("should concentrate importance", async () => {
    const W = normal(0, [12, 6]);
    const f = (R: Tensor) => entropy(W.matmul(R).square()).sum();
    const { x, value, trace } = await minimize(f, { on: orthogonal(6), steps: 80, seed: 0 });
    expect(trace).toHaveLength(81);
    expect(value).toBe(Math.min(...trace));
    expect(value).toBeLessThan(trace[0]! - 1);
    expect(await item(f(x))).toBe(value);
    await orthogonal(6).check(x, 1e-5);
  });

  it.each(["qr", "cayley", "polar"] as const)(
    "should solve a Procrustes problem with %s",
    async (retraction) => {
      const start = orthogonal(5).random(new Random(33));
      const on = orthogonal(5, { retraction });
      for (const optimizer of ["adam", "sgd"] as const) {
        // Either determinant may be the nearer one: only improvement by a lot is certain.
        const { value, trace } = await minimize(procrustes(2, 5), { on, start, steps: 200, optimizer });
        expect(value).toBeLessThan(trace[0]! / 2);
      }
    },
  );

  it("should find the largest eigenvectors on a Stiefel manifold", async () => {
    const weights = diagonalMatrix(tensor([9, 7, 3, 2, 1, 0.5]));
    const f = (X: Tensor) => X.mul(weights.matmul(X)).sum().neg();
    const { value } = await minimize(f, { on: stiefel(6, 2), steps: 200, seed: 5 });
    expect(value).toBeLessThan(-15.9);
  });

  it("should learn on a product", async () => {
    const A = normal(4, [20, 4]);
    const shift = normal(5, [4]);
    const R0 = orthogonal(4).random(new Random(6));
    const y = A.matmul(R0).add(shift);
    const f = (R: Tensor, b: Tensor) => A.matmul(R).add(b).sub(y).square().mean();
    const start = [R0.mul(1), shift.mul(0)];
    const { x, value } = await minimize((...p) => f(p[0]!, p[1]!), {
      on: product(orthogonal(4), euclidean([4])),
      start,
      steps: 200,
    });
    expect(x).toHaveLength(2);
    expect(value).toBeLessThan(1e-2);
  });

  it("should give the same run for a seed", async () => {
    const run = () => minimize(procrustes(8, 4), { on: orthogonal(4), steps: 10, seed: 4 });
    expect((await run()).trace).toEqual((await run()).trace);
  });

  it("should report steps, stop on abort and refuse bad settings", async () => {
    const f = procrustes(9, 3);
    const seen: number[] = [];
    const controller = new AbortController();
    const aborted = minimize(f, {
      on: orthogonal(3),
      signal: controller.signal,
      onStep: ({ step, best, value }) => {
        expect(best).toBeLessThanOrEqual(value);
        seen.push(step);
        if (step === 3) controller.abort(new Error("enough"));
      },
    });
    await expect(aborted).rejects.toThrow("enough");
    expect(seen).toEqual([1, 2, 3]);
    await expect(minimize(f, { on: orthogonal(3), steps: -1 })).rejects.toThrow(OptionError);
    await expect(minimize(f, { on: orthogonal(3), learningRate: 0 })).rejects.toThrow(OptionError);
    await expect(minimize(f, { on: orthogonal(3), start: normal(0, [3, 3]) })).rejects.toThrow(OptionError);
  });

  it("should name the step where a value or gradient is not finite", async () => {
    const on = orthogonal(2);
    await expect(minimize((R) => R.sum().mul(Number.NaN), { on })).rejects.toThrow(NonFiniteError);
    await expect(minimize((R) => R.sub(R).sqrt().sum(), { on })).rejects.toThrow(
      /gradient norm NaN at step 0/,
    );
  });

  it("should not grow memory with steps", async () => {
    const backend = createCpuBackend();
    const { capabilities } = backend;
    const W = new Random(10).normal([9, 4], { backend });
    const f = (R: Tensor) => entropy(W.matmul(R).square()).sum();
    const start = eye(4, { backend });
    const before = capabilities.allocatedBytes();
    const peaks: number[] = [];
    const { x } = await minimize(f, {
      on: orthogonal(4),
      start,
      steps: 60,
      onStep: () => peaks.push(capabilities.allocatedBytes()),
    });
    // The best point may share its buffer with the current one.
    const point = 4 * 4 * 4;
    expect(Math.max(...peaks.slice(5))).toBeLessThanOrEqual(Math.min(...peaks.slice(0, 5)) + point);
    x.dispose();
    expect(capabilities.allocatedBytes()).toBe(before);
  });
});
