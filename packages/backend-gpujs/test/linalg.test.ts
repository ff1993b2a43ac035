import { type Backend, eye, item, Random, type Tensor, tidy } from "@denoise-rotator/core";
import { cholesky, polar, qr, solveTriangular } from "@denoise-rotator/linalg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gpujs, type Mode } from "../src/index.js";
import { missingAdapter } from "./adapter.js";

const reason = await missingAdapter();
const gap = async (a: () => Tensor, b: Tensor) => {
  using largest = tidy(() => a().sub(b).abs().max());
  return item(largest);
};

const describeFactorisations = (mode: Mode) => {
  let backend: Backend;
  let square: Tensor;
  const n = 80;
  beforeAll(async () => {
    backend = await gpujs({ mode, onNotice() {} });
    square = new Random(3).normal([n, n], { backend });
  });
  afterAll(async () => {
    square.dispose();
    expect(backend.capabilities.allocatedBytes()).toBe(0);
    await backend.dispose();
  });

  it("should factor by Cholesky and solve, in several panels", async () => {
    using spd = tidy(() => square.matmul(square.transpose()).div(n).add(eye(n, { backend })));
    using L = await cholesky(spd);
    expect(await gap(() => L.matmul(L.transpose()), spd)).toBeLessThan(2e-5);
    using x = tidy(() => solveTriangular(L, square));
    expect(await gap(() => L.matmul(x), square)).toBeLessThan(1e-4);
  });

  it("should factor by QR", async () => {
    const { Q, R } = qr(square);
    expect(await gap(() => Q.matmul(R), square)).toBeLessThan(5e-5);
    using identity = eye(n, { backend });
    expect(await gap(() => Q.transpose().matmul(Q), identity)).toBeLessThan(2e-5);
    Q.dispose();
    R.dispose();
  });

  it("should find the polar factor", async () => {
    using near = tidy(() => eye(n, { backend }).add(square.mul(0.02)));
    using U = polar(near);
    using identity = eye(n, { backend });
    expect(await gap(() => U.transpose().matmul(U), identity)).toBeLessThan(2e-5);
  });
};

describe("linear algebra on gpujs cpu", () => describeFactorisations("cpu"));
describe.skipIf(reason !== undefined)(`linear algebra on gpujs webgpu${reason ? ` (${reason})` : ""}`, () =>
  describeFactorisations("webgpu"),
);
