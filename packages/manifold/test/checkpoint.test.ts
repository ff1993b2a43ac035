import {
  entropy,
  eye,
  item,
  OptionError,
  Random,
  stack,
  type Tensor,
  valueAndGrad,
} from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  blockDiagonalOrthogonal,
  bodyAdam,
  euclidean,
  minimize,
  muon,
  type OrthogonalObjective,
  orthogonal,
  product,
  qrAdam,
  riemannianAdam,
  riemannianSgd,
  type SolverState,
  stiefel,
} from "../src/index.js";

const W = new Random(1).normal([20, 6]);
const V = new Random(2).normal([2, 9, 3]);
/** Draws other weights by seed and step until the last quarter of the budget. */
const sampling: OrthogonalObjective = {
  name: "sampled",
  async evaluate(points, at = { step: 0, steps: 0, seed: 0 }) {
    const exact = at.step >= 0.75 * at.steps;
    const weights = exact ? W : new Random(1000 * at.seed + at.step).normal([20, 6]);
    const g = (R: Tensor, B: Tensor) =>
      entropy(weights.matmul(R).square())
        .mean()
        .add(entropy(V.matmul(B).square()).mean());
    const { value, grads } = valueAndGrad((...p: Tensor[]) => g(p[0]!, p[1]!))(...points);
    using scalar = value;
    return { value: await item(scalar), gradients: [...grads], exact };
  },
};
const start = () => [eye(6), stack([eye(3), eye(3)])];
const bytes = async (points: readonly Tensor[]) =>
  Promise.all(points.map(async (point) => Array.from(new Uint8Array((await point.read()).slice().buffer))));

const solvers = [
  qrAdam(),
  muon({ newtonSchulzSteps: 3 }),
  bodyAdam(),
  riemannianAdam(),
  riemannianSgd({ momentum: 0.9 }),
];

describe.each(solvers)("$name, resumed", (solver) => {
  it("should end with the bytes of a run that never stopped", async () => {
    const cases = fc.record({ steps: fc.integer({ min: 2, max: 24 }), seed: fc.nat(9), at: fc.nat(100) });
    await fc.assert(
      fc.asyncProperty(cases, async ({ steps, seed, at }) => {
        const stopAfter = 1 + (at % steps);
        let state: SolverState | undefined;
        const whole = await solver.minimize(sampling, start(), {
          ...{ steps, seed },
          onStep: async ({ step, checkpoint }) => {
            if (step === stopAfter) state = structuredClone(await checkpoint());
          },
        });
        const seen: number[] = [];
        const rest = await solver.minimize(sampling, start(), {
          ...{ steps, seed, resume: state! },
          onStep: ({ step }) => seen.push(step),
        });
        expect(seen).toEqual(Array.from({ length: steps - stopAfter }, (_, i) => stopAfter + 1 + i));
        expect(rest.trace).toEqual(whole.trace);
        expect({ ...rest, points: [] }).toEqual({ ...whole, points: [] });
        expect(await bytes(rest.points)).toEqual(await bytes(whole.points));
      }),
      { numRuns: 6 },
    );
  });

  it("should depend on the seed only where the objective does, and never on an estimate for its best", async () => {
    const run = (seed: number) => solver.minimize(sampling, start(), { steps: 8, seed });
    const [a, b, c] = [await run(1), await run(1), await run(2)];
    expect(a.trace).toEqual(b.trace);
    expect(a.trace).not.toEqual(c.trace);
    expect(a.best).toBe(Math.min(...a.trace.slice(6)));
  });

  it("should refuse the checkpoint of another run", async () => {
    let state: SolverState | undefined;
    const onStep = async ({ checkpoint }: { checkpoint(): Promise<SolverState> }) => {
      state = await checkpoint();
    };
    await solver.minimize(sampling, start(), { steps: 3, onStep });
    const resume = state!;
    const run = (options: object, points = start()) =>
      solver.minimize(sampling, points, { steps: 3, resume, ...options });
    await expect(run({ steps: 4 })).rejects.toThrow(/made with steps 3, this run has 4/);
    await expect(run({ seed: 1 })).rejects.toThrow(/seed/);
    await expect(run({ learningRate: 0.5 })).rejects.toThrow(/learningRate/);
    await expect(run({}, [eye(6)])).rejects.toThrow(OptionError);
    await expect(run({ resume: { ...resume, solver: "other" } })).rejects.toThrow(/one of other/);
    await expect(run({ resume: { ...resume, version: 2 } })).rejects.toThrow(/version/);
  });
});

describe("the stopping rule", () => {
  it("should end a run that no longer improves, on its best", async () => {
    const objective: OrthogonalObjective = {
      name: "flat",
      evaluate: async (points) => ({ value: 3, gradients: points.map((point) => point.mul(1)) }),
    };
    const stop = { window: 5, tolerance: 1e-3 };
    const result = await muon().minimize(objective, [eye(3)], { steps: 50, stop });
    expect(result).toMatchObject({ steps: 5, stopped: "converged", best: 3 });
    expect(result.trace).toHaveLength(6);
  });

  it("should let a run that improves go on", async () => {
    const stop = { window: 5, tolerance: 1e-9 };
    const result = await muon().minimize(sampling, start(), { steps: 12, stop });
    expect(result).toMatchObject({ steps: 12, stopped: "budget" });
    const bad = muon().minimize(sampling, start(), { steps: 3, stop: { window: 0, tolerance: 0 } });
    await expect(bad).rejects.toThrow(OptionError);
  });
});

describe("minimize, resumed", () => {
  it.each(["adam", "sgd"] as const)(
    "should end with the same bytes by %s on every manifold",
    async (optimizer) => {
      const on = product(orthogonal(4), blockDiagonalOrthogonal(4, 2), stiefel(5, 2), euclidean([3]));
      const goal = [4, 4, 5, 3].map((n, i) =>
        new Random(i).normal(i === 3 ? [n] : i === 2 ? [5, 2] : [n, n]),
      );
      const g = (...x: Tensor[]) =>
        x.map((part, i) => part.sub(goal[i]!).square().mean()).reduce((a, b) => a.add(b));
      let state: SolverState | undefined;
      const options = { on, optimizer, momentum: 0.5, steps: 25, seed: 3 };
      const whole = await minimize(g, {
        ...options,
        onStep: async ({ step, checkpoint }) => {
          if (step === 7) state = await checkpoint();
        },
      });
      const rest = await minimize(g, { ...options, resume: state! });
      expect(rest.trace).toEqual(whole.trace);
      expect(await bytes(rest.x)).toEqual(await bytes(whole.x));
      expect(whole.value).toBeLessThan(whole.trace[0]!);
      await on.check(whole.x, 1e-5);
    },
  );
});
