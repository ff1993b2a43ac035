import { entropy, item, Random, tensor, valueAndGrad } from "@denoise-rotator/core";
import { minimize, orthogonal } from "@denoise-rotator/manifold";
import { describe, expect, it } from "vitest";

describe("the engine alone", () => {
  it("should fit a line by gradient descent", async () => {
    const x = tensor([[0], [1], [2], [3]]);
    const y = tensor([[1], [3], [5], [7]]);
    let [slope, offset] = [tensor([[0]]), tensor([0])];
    const fit = valueAndGrad((w, b) => x.matmul(w).add(b).sub(y).square().mean());
    for (let step = 0; step < 300; step++) {
      const { grads } = fit(slope, offset);
      slope = slope.sub(grads[0]!.mul(0.1));
      offset = offset.sub(grads[1]!.mul(0.1));
    }
    expect(await item(slope)).toBeCloseTo(2, 2);
    expect(await item(offset)).toBeCloseTo(1, 2);
  });

  it("should learn a rotation that concentrates importance", async () => {
    const W = new Random(0).normal([12, 6]);
    const objective = (R: typeof W) => entropy(W.matmul(R).square(), { axis: 1 }).sum();
    const start = await item(objective(tensor(await identity(6))));
    const { value } = await minimize(objective, { on: orthogonal(6), steps: 60, seed: 0 });
    expect(value).toBeLessThan(start);
  });
});

const identity = async (n: number) =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)));
