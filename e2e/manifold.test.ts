import { type Backend, item, Random, stack, type Tensor, tidy } from "@denoise-rotator/core";
import {
  muon,
  type OrthogonalObjective,
  orthogonal,
  orthonormalityError,
  qrAdam,
} from "@denoise-rotator/manifold";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeOnBackends } from "./backends.js";

/** ‖A·R − B‖²/size, gradients in closed form. */
function procrustes(A: Tensor, B: Tensor): OrthogonalObjective {
  return {
    name: "procrustes",
    async evaluate([R]) {
      const { value, gradient } = tidy(() => {
        const residual = A.matmul(R!).sub(B);
        const gradient = A.transpose()
          .matmul(residual)
          .mul(2 / B.size);
        return { value: residual.square().mean(), gradient };
      });
      using scalar = value;
      return { value: await item(scalar), gradients: [gradient] };
    },
  };
}

describeOnBackends("solvers", ({ slow, open }) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend.dispose());

  const sizes = slow ? [1, 17, 64] : [1, 2, 17, 64, 128, 256];
  it.each(sizes.map((n) => [n, slow ? 60 : 1000]))(
    "should stay orthogonal at n = %i after %i Cayley steps",
    { timeout: 240_000 },
    async (n, steps) => {
      const rng = new Random(n);
      const A = rng.normal([n, n], { backend });
      const B = rng.normal([n, n], { backend });
      let last = 0;
      const base = procrustes(A, B);
      const watching: OrthogonalObjective = {
        name: base.name,
        evaluate: async (points) => {
          using error = orthonormalityError(points[0]!);
          last = Math.max(last, await item(error));
          return base.evaluate(points);
        },
      };
      const start = orthogonal(n).random(rng, { backend });
      const before = backend.capabilities.allocatedBytes();
      const result = await muon({ newtonSchulzSteps: 2 }).minimize(watching, [start], { steps });
      expect(last).toBeLessThanOrEqual(1e-5);
      expect(backend.capabilities.allocatedBytes() - before).toBeLessThanOrEqual(n * n * 4 + 64);
      expect(result.best).toBeLessThanOrEqual(result.start);
    },
  );

  it("should run qr-adam, and a stack", async () => {
    const rng = new Random(1);
    const [A, B] = [rng.normal([80, 70], { backend }), rng.normal([80, 70], { backend })];
    const start = orthogonal(70).random(rng, { backend });
    const result = await qrAdam().minimize(procrustes(A, B), [start], { steps: 50 });
    expect(result.best).toBeLessThan(result.start);
    expect(await item(orthonormalityError(result.points[0]!))).toBeLessThan(1e-5);
    const point = orthogonal(16).random(rng, { backend });
    const [left, right] = [rng.normal([2, 16, 16], { backend }), rng.normal([2, 16, 16], { backend })];
    const stacked = await muon().minimize(procrustes(left, right), [stack([point, point])], { steps: 30 });
    expect(stacked.best).toBeLessThan(stacked.start);
    expect(await item(orthonormalityError(stacked.points[0]!))).toBeLessThan(1e-5);
  });
});
