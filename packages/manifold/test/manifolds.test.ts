import { item, OptionError, Random, ShapeError, type Tensor, tidy } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import {
  blockDiagonalOrthogonal,
  euclidean,
  type Manifold,
  orthogonal,
  product,
  stiefel,
} from "../src/index.js";

const f64 = { dtype: "f64" } as const;
const manifolds: Manifold[] = [
  ...(["qr", "cayley", "polar"] as const).flatMap((retraction) => [
    orthogonal(1, { retraction }),
    orthogonal(6, { retraction }),
    orthogonal(40, { retraction }),
    orthogonal(4, { retraction, batch: 3 }),
  ]),
  blockDiagonalOrthogonal(6, 1),
  blockDiagonalOrthogonal(6, 3),
  blockDiagonalOrthogonal(8, 2, { retraction: "polar" }),
  stiefel(5, 1),
  stiefel(7, 3),
  stiefel(7, 3, { retraction: "polar" }),
  stiefel(4, 4),
  euclidean([3, 2]),
  euclidean([]),
];

const largest = (x: Tensor) => item(tidy(() => x.abs().max()));
const gap = (a: Tensor, b: Tensor) => largest(a.sub(b));
const inner = (a: Tensor, b: Tensor) => item(tidy(() => a.mul(b).sum()));

describe.each(manifolds.map((on, i) => ({ on, label: `${i} ${on.name}` })))("$label", ({ on }) => {
  const rng = new Random(7);
  const x = on.random(rng, f64);
  const y = on.random(rng, f64);
  const g = rng.normal(on.shape, f64);
  const v = on.project(x, g);
  const unit = tidy(() => v.div(v.square().sum().sqrt().maximum(1e-12)));

  it("should make random points that it accepts", async () => {
    expect(await item(on.error(x))).toBeLessThan(1e-13);
    await on.check(x, 1e-12);
    expect(x.shape).toEqual(on.shape);
  });

  it("should project orthogonally onto the tangent space", async () => {
    expect(await gap(on.project(x, v), v)).toBeLessThan(1e-13);
    const w = on.project(x, rng.normal(on.shape, f64));
    expect(Math.abs(await inner(g.sub(v), w))).toBeLessThan(1e-12);
  });

  it("should retract onto the manifold, to first order along v", async () => {
    expect(await gap(on.retract(x, v.mul(0)), x)).toBeLessThan(1e-13);
    expect(await item(on.error(on.retract(x, unit)))).toBeLessThan(1e-12);
    const remainder = async (t: number) =>
      gap(
        on.retract(x, unit.mul(t)),
        tidy(() => x.add(unit.mul(t))),
      );
    const [coarse, fine] = [await remainder(1e-2), await remainder(1e-3)];
    expect(coarse).toBeLessThan(2e-4);
    expect(fine).toBeLessThan(Math.max(coarse / 80, 1e-13));
  });

  it("should transport tangents to tangents", async () => {
    const carried = on.transport(x, v, y);
    expect(await gap(on.project(y, carried), carried)).toBeLessThan(1e-12);
    expect(await gap(on.transport(x, v, x), v)).toBeLessThan(1e-12);
  });

  it("should restore points that drifted, and leave points alone", async () => {
    expect(await gap(on.restore(x), x)).toBeLessThan(1e-13);
    const drifted = x.add(rng.normal(on.shape, f64).mul(1e-4));
    expect(await item(on.error(on.restore(drifted)))).toBeLessThan(1e-13);
  });

  it("should refuse other shapes and NaN", async () => {
    await expect(on.check(rng.normal([2, 5, 9], f64))).rejects.toThrow(ShapeError);
    await expect(on.check(x.mul(Number.NaN))).rejects.toThrow(OptionError);
  });
});

describe("transport on the orthogonal group", () => {
  it("should keep inner products", async () => {
    const on = orthogonal(8);
    const rng = new Random(1);
    const [x, y] = [on.random(rng, f64), on.random(rng, f64)];
    const [u, v] = [on.project(x, rng.normal([8, 8], f64)), on.project(x, rng.normal([8, 8], f64))];
    expect(await inner(on.transport(x, u, y), on.transport(x, v, y))).toBeCloseTo(await inner(u, v), 10);
  });
});

describe("product", () => {
  it("should do what its factors do", async () => {
    const on = product(orthogonal(3), euclidean([2]));
    const rng = new Random(2);
    const x = on.random(rng, f64);
    const v = on.project(
      x,
      x.map((part) => rng.normal(part.shape, f64)),
    );
    await on.check(on.restore(on.retract(x, v)));
    const errors = await Promise.all(on.error(on.retract(x, on.transport(x, v, x))).map(item));
    expect(Math.max(...errors)).toBeLessThan(1e-12);
    await expect(on.check([x[0]!.mul(2), x[1]!])).rejects.toThrow(/orthogonal\(3\)/);
  });
});
