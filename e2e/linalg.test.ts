import { createHash } from "node:crypto";
import { wasm } from "@denoise-rotator/backend-wasm";
import {
  arange,
  type Backend,
  eye,
  item,
  NotPositiveDefiniteError,
  Random,
  type Tensor,
  tidy,
  zeros,
} from "@denoise-rotator/core";
import {
  cayley,
  cholesky,
  factorDamped,
  inverseSpd,
  polar,
  qr,
  skewPart,
  symmetricEigen,
} from "@denoise-rotator/linalg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeOnBackends } from "./backends.js";

const largestDifference = (a: Tensor, b: Tensor) => item(tidy(() => a.sub(b).abs().max()));
const orthonormality = (Q: Tensor) =>
  largestDifference(Q.transpose().matmul(Q), eye(Q.shape.at(-1)!, { backend: Q.backend }));

describeOnBackends("linalg", ({ slow, open }) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend.dispose());
  const identity = (Q: { shape: readonly number[] }) => eye(Q.shape.at(-1)!, { backend });

  it.each(slow ? [1, 63, 130] : [1, 63, 200, 300])(
    "should factor, invert and diagonalise at n = %i",
    async (n) => {
      const a = new Random(n).normal([n, n], { backend });
      const spd = tidy(() => a.matmul(a.transpose()).div(n).add(identity(a).mul(0.5)));
      const L = await cholesky(spd);
      expect(await largestDifference(L.matmul(L.transpose()), spd)).toBeLessThan(5e-6);
      const inverse = await inverseSpd(spd);
      expect(await largestDifference(inverse.matmul(spd), identity(a))).toBeLessThan(5e-5);
      const damped = await factorDamped(spd, { damping: 0.01, name: "q" });
      expect(damped.relativeDamping).toBe(0.01);
      await expect(cholesky(spd.sub(identity(a).mul(100)))).rejects.toThrow(NotPositiveDefiniteError);

      const { Q, R } = qr(a);
      expect(await orthonormality(Q)).toBeLessThan(5e-6);
      expect(await largestDifference(Q.matmul(R), a)).toBeLessThan(5e-5);
      expect(await orthonormality(polar(a))).toBeLessThan(2e-5);
      expect(await orthonormality(cayley(skewPart(a).div(n)))).toBeLessThan(5e-6);

      const { values, vectors } = await symmetricEigen(spd);
      expect(await orthonormality(vectors)).toBeLessThan(5e-6);
      const rebuilt = vectors.mul(values).matmul(vectors.transpose());
      expect(await largestDifference(rebuilt, spd)).toBeLessThan(5e-5);
    },
  );

  it("should stay backward stable for ill-conditioned, rank-deficient, clustered and badly scaled matrices", async () => {
    const n = slow ? 80 : 150;
    const noise = new Random(1).normal([n, n], { backend });
    const basis = qr(noise).Q;
    const rows = noise.slice([0, 20]);
    const decays = tidy(() => arange(n, { backend }).cast("f32").mul(-0.2).exp());
    const matrices: Record<string, Tensor> = {
      "condition 10¹³": tidy(() => basis.mul(decays).matmul(basis.transpose())),
      "rank 20": tidy(() => rows.transpose().matmul(rows)),
      "two clusters": tidy(() => {
        const half = basis.slice(null, [0, n / 2]);
        return half.matmul(half.transpose()).add(identity(basis));
      }),
      graded: tidy(() => noise.add(noise.transpose()).mul(decays).mul(decays.unsqueeze(1))),
      huge: tidy(() => noise.add(noise.transpose()).mul(1e30)),
      tiny: tidy(() => noise.add(noise.transpose()).mul(1e-30)),
      zero: zeros([n, n], { backend }),
    };
    for (const [name, a] of Object.entries(matrices)) {
      const size = (await item(a.abs().max())) * n;
      const { values, vectors } = await symmetricEigen(a);
      expect(await orthonormality(vectors), name).toBeLessThan(3e-6);
      const residual = await largestDifference(a.matmul(vectors), vectors.mul(values));
      expect(residual, name).toBeLessThanOrEqual(3e-7 * size);
      const { Q, R } = qr(a);
      expect(await orthonormality(Q), name).toBeLessThan(3e-6);
      expect(await largestDifference(Q.matmul(R), a), name).toBeLessThanOrEqual(3e-7 * size);
    }
  });
});

describe("linalg on wasm", () => {
  it("should give the same bytes on one thread and on two", async () => {
    // Large enough for every kernel to use both.
    const n = 600;
    const digest = async (threads: number) => {
      await using own = await wasm({ threads });
      const a = new Random(7).normal([n, n], { backend: own });
      const spd = tidy(() => a.matmul(a.transpose()).add(eye(n, { backend: own })));
      const { Q, R } = qr(a);
      const { values, vectors } = await symmetricEigen(spd);
      const tensors = { L: await cholesky(spd), Q, R, values, vectors, cayley: cayley(skewPart(a)) };
      const hashes = Object.entries(tensors).map(async ([name, x]) => {
        const bytes = new Uint8Array((await x.read()).buffer);
        return [name, createHash("sha256").update(bytes).digest("hex")];
      });
      return Object.fromEntries(await Promise.all(hashes));
    };
    expect(await digest(2)).toEqual(await digest(1));
  });
});
