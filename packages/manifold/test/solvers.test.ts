import {
  type Backend,
  createCpuBackend,
  entropy,
  eye,
  item,
  NonFiniteError,
  OptionError,
  Random,
  stack,
  type Tensor,
  tidy,
  valueAndGrad,
} from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import {
  bodyAdam,
  muon,
  type OrthogonalObjective,
  orthogonal,
  orthonormalityError,
  qrAdam,
  riemannianAdam,
  riemannianSgd,
} from "../src/index.js";

/** An objective from an autograd function of all points. */
function objectiveOf(f: (...points: Tensor[]) => Tensor, name = "test"): OrthogonalObjective {
  return {
    name,
    async evaluate(points) {
      const { value, grads } = valueAndGrad(f)(...points);
      using scalar = value;
      return { value: await item(scalar), gradients: [...grads] };
    },
  };
}

const normal = (seed: number, shape: number[], backend?: Backend) =>
  new Random(seed).normal(shape, backend ? { backend } : {});
const concentrate = (seed: number, n: number, backend?: Backend) => {
  const W = normal(seed, [Math.max(2, Math.min(2 * n, 32)), n], backend);
  return objectiveOf((R) => entropy(W.matmul(R!).square()).mean());
};

const solvers = [
  qrAdam({ learningRate: 0.02 }),
  muon(),
  bodyAdam({ learningRate: 0.03 }),
  riemannianAdam({ learningRate: 0.02 }),
  riemannianSgd({ learningRate: 0.05, momentum: 0.9 }),
];

describe.each(solvers)("$name", (solver) => {
  it("should solve a Procrustes problem", async () => {
    const A = normal(1, [30, 8]);
    const near = tidy(() =>
      orthogonal(8).retract(eye(8), orthogonal(8).project(eye(8), normal(2, [8, 8]).mul(0.3))),
    );
    const target = A.matmul(near);
    const objective = objectiveOf((R) => A.matmul(R!).sub(target).square().mean());
    const result = await solver.minimize(objective, [eye(8)], { steps: 150 });
    expect(result.best).toBeLessThan(result.start * 0.02);
    expect(result.trace).toHaveLength(151);
    expect(result.trace[0]).toBe(result.start);
    expect(Math.min(...result.trace)).toBe(result.best);
  });

  it("should learn a matrix and a stack together and return the best seen", async () => {
    const W = normal(3, [24, 8]);
    const V = normal(4, [3, 10, 4]);
    const objective = objectiveOf((R, B) =>
      entropy(W.matmul(R!).square())
        .mean()
        .add(entropy(V.matmul(B!).square()).mean()),
    );
    const start = [eye(8), stack([eye(4), eye(4), eye(4)])];
    const { points, best, start: first } = await solver.minimize(objective, start, { steps: 60 });
    expect(best).toBeLessThan(first - 0.2);
    expect(points.map(({ shape }) => shape)).toEqual([
      [8, 8],
      [3, 4, 4],
    ]);
    const again = await objective.evaluate(points);
    expect(again.value).toBe(best);
    for (const point of points) expect(await item(orthonormalityError(point))).toBeLessThan(1e-5);
  });

  it.each([1, 8])("should stay orthogonal over 1,000 steps at n = %i, without growing memory", async (n) => {
    const backend = createCpuBackend();
    const allocated = () => backend.capabilities.allocatedBytes();
    const objective = concentrate(5, n, backend);
    const start = eye(n, { backend });
    const before = allocated();
    const usage: number[] = [];
    const { points } = await solver.minimize(objective, [start], {
      steps: 1000,
      onStep: () => usage.push(allocated()),
    });
    using error = orthonormalityError(points[0]!);
    expect(await item(error)).toBeLessThan(1e-5);
    error.dispose();
    points[0]!.dispose();
    expect(allocated()).toBe(before);
    // The best point may share its buffer with the current one.
    expect(Math.max(...usage)).toBeLessThanOrEqual(Math.min(...usage) + 4 * n * n);
  });

  it("should return the start after 0 steps", async () => {
    const { points, best, start } = await solver.minimize(concentrate(1, 4), [eye(4)], { steps: 0 });
    expect(best).toBe(start);
    expect(await item(tidy(() => points[0]!.sub(eye(4)).abs().max()))).toBeLessThan(1e-6);
  });

  it("should name objective and step of NaN in value and gradient, and free everything", async () => {
    const backend = createCpuBackend();
    const start = eye(3, { backend });
    const before = backend.capabilities.allocatedBytes();
    let calls = 0;
    const failing = (what: "value" | "gradient"): OrthogonalObjective => ({
      name: "brittle",
      evaluate: async ([R]) => {
        const bad = calls++ === 2 ? Number.NaN : 1;
        return { value: what === "value" ? bad : 1, gradients: [R!.mul(what === "gradient" ? bad : 1)] };
      },
    });
    for (const what of ["value", "gradient"] as const) {
      calls = 0;
      const run = solver.minimize(failing(what), [start], { steps: 5 });
      await expect(run).rejects.toThrow(NonFiniteError);
      await expect(run).rejects.toThrow(/brittle objective .* at step 2/);
    }
    expect(backend.capabilities.allocatedBytes()).toBe(before);
  });

  it("should abort and refuse bad settings", async () => {
    const controller = new AbortController();
    const objective = concentrate(1, 4);
    const onStep = ({ step }: { step: number }) => step === 2 && controller.abort(new Error("stop"));
    const run = solver.minimize(objective, [eye(4)], { steps: 9, signal: controller.signal, onStep });
    await expect(run).rejects.toThrow("stop");
    await expect(solver.minimize(objective, [eye(4)], { steps: 0.5 })).rejects.toThrow(OptionError);
    await expect(
      solver.minimize(objective, [eye(4)], { steps: 1, learningRate: Number.NaN }),
    ).rejects.toThrow(OptionError);
  });
});
