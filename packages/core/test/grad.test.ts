import { describe, expect, it } from "vitest";
import { attention, cpu, entropy, eye, grad, Random, tensor, tidy, valueAndGrad } from "../src/index.js";

describe("grad", () => {
  it("should differentiate a quadratic form", async () => {
    const a = tensor([
      [2, 1],
      [1, 3],
    ]);
    const g = grad((x) => x.matmul(a).mul(x).sum());
    expect(await g(tensor([[1, 2]])).toNested()).toEqual([[8, 14]]);
  });

  it("should differentiate twice", async () => {
    const cube = grad((x) => x.mul(x).mul(x).sum());
    const second = grad((x) => cube(x).sum());
    expect(await second(tensor([2, -1])).toNested()).toEqual([12, -6]);
  });

  it("should give zeros for an argument that is not used", async () => {
    const { grads } = valueAndGrad((x, _y) => x.sum())(tensor([1, 2]), tensor([3]));
    expect(await grads[1]!.toNested()).toEqual([0]);
  });

  it("should walk graphs of 20,000 operations without recursion", async () => {
    const g = grad((x) => {
      let y = x;
      for (let i = 0; i < 20_000; i++) y = y.add(1);
      return y.sum();
    });
    expect(await g(tensor([1])).toNested()).toEqual([1]);
  });

  it("should agree with finite differences through attention and entropy", async () => {
    const random = new Random(7);
    const options = { dtype: "f64" } as const;
    const [q, k, v] = [
      random.normal([1, 4, 3, 2], options),
      random.normal([1, 2, 3, 2], options),
      random.normal([1, 2, 3, 2], options),
    ];
    const f = (x: typeof q) => entropy(attention(x, k, v).square()).sum();
    const direction = random.normal(q.shape, options);
    const slope = await grad(f)(q).mul(direction).sum().toNested();
    const h = 1e-5;
    const up = (await f(q.add(direction.mul(h))).toNested()) as number;
    const down = (await f(q.sub(direction.mul(h))).toNested()) as number;
    expect(slope).toBeCloseTo((up - down) / (2 * h), 6);
  });

  it("should free everything it makes", () => {
    const before = cpu.capabilities.allocatedBytes();
    tidy(() => {
      const x = eye(4);
      valueAndGrad((y) => y.matmul(x).exp().sum())(x);
    });
    expect(cpu.capabilities.allocatedBytes()).toBe(before);
  });
});
