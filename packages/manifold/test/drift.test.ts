import { eye, item, Random, type Tensor, tidy } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { muon, type OrthogonalObjective, orthogonal, orthonormalityError } from "../src/index.js";

/** ‖A·R − B‖²/size with its gradient in closed form; `drift` is the largest ‖RᵀR − I‖_max it was asked at. */
function procrustes(A: Tensor, B: Tensor) {
  const seen = { drift: 0 };
  const objective: OrthogonalObjective = {
    name: "procrustes",
    async evaluate([R]) {
      const { value, error, gradient } = tidy(() => {
        const residual = A.matmul(R!).sub(B);
        const gradient = A.transpose()
          .matmul(residual)
          .mul(2 / B.size);
        return { value: residual.square().mean(), error: orthonormalityError(R!), gradient };
      });
      using scalar = value;
      using distance = error;
      seen.drift = Math.max(seen.drift, await item(distance));
      return { value: await item(scalar), gradients: [gradient] };
    },
  };
  return { objective, seen };
}

describe("drift of Cayley products in f32", () => {
  // QR resets the drift every 20 steps: 21 steps see as much of it as 1,000, which take minutes at 256 on cpu.
  it.each([
    [16, 1000],
    [33, 200],
    [64, 41],
    [256, 21],
  ])("should stay below 1e-5 at n = %i over %i steps", async (n, steps) => {
    const rng = new Random(n);
    const { objective, seen } = procrustes(rng.normal([8, n]), rng.normal([8, n]));
    const solver = muon({ newtonSchulzSteps: 1 });
    const start = orthogonal(n).retract(eye(n), orthogonal(n).project(eye(n), rng.normal([n, n]).div(n)));
    const result = await solver.minimize(objective, [start], { steps });
    expect(seen.drift).toBeGreaterThan(0);
    expect(seen.drift).toBeLessThan(1e-5);
    expect(result.best).toBeLessThan(result.start);
  });
});
