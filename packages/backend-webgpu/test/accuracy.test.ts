import { type BinaryOp, fromTyped, Random, type UnaryOp } from "@denoise-rotator/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { WebgpuBackend } from "../src/index.js";
import { describeOnDevice } from "./adapter.js";
import { open } from "./open.js";

const count = 40_000;
const smallestNormal = 2 ** -126;

/** Normal numbers whose logarithms are spread evenly between those of two bounds, of either sign or positive. */
function spread(low: number, high: number, signed: boolean, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => {
    const magnitude = Math.exp(Math.log(low) + (Math.log(high) - Math.log(low)) * random.next());
    return signed && random.next() < 0.5 ? -magnitude : magnitude;
  });
}

const ulp = (value: number) => 2 ** (Math.floor(Math.log2(Math.max(Math.abs(value), smallestNormal))) - 23);

/** Largest error in units in the last place, or, `absolute`, in units of 2^−24; results below normal are left out. */
function largestError(actual: Float32Array, exact: (i: number) => number, absolute = false): number {
  let largest = 0;
  for (let i = 0; i < count; i++) {
    const want = exact(i);
    if (Math.abs(want) < smallestNormal && !absolute) continue;
    if (Math.abs(want) > 3.4e38) continue;
    largest = Math.max(largest, Math.abs(actual[i]! - want) / (absolute ? 2 ** -24 : ulp(want)));
  }
  return largest;
}

let backend: WebgpuBackend;

async function unary(op: UnaryOp & keyof typeof Math, xs: Float32Array, absolute = false): Promise<number> {
  const x = fromTyped(xs, [count], "f32", backend);
  const y = x[op as "exp"]();
  const actual = (await y.read()) as Float32Array;
  x.dispose();
  y.dispose();
  return largestError(actual, (i) => (Math[op] as (x: number) => number)(xs[i]!), absolute);
}

async function binary(
  op: BinaryOp,
  p: Float32Array,
  q: Float32Array,
  exact: (a: number, b: number) => number,
) {
  const [a, b] = [fromTyped(p, [count], "f32", backend), fromTyped(q, [count], "f32", backend)];
  const y = a[op as "pow"](b);
  const actual = (await y.read()) as Float32Array;
  for (const one of [a, b, y]) one.dispose();
  return largestError(actual, (i) => exact(p[i]!, q[i]!));
}

describeOnDevice("elementary functions over their whole range", () => {
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend?.dispose());

  it("should give exponentials, logarithms and hyperbolic tangents to a few ulp", async () => {
    expect(await unary("exp", spread(1e-6, 89, true, 1))).toBeLessThan(2);
    expect(await unary("log", spread(smallestNormal, 3e38, false, 2))).toBeLessThan(2);
    expect(await unary("tanh", spread(1e-6, 20, true, 3))).toBeLessThan(3);
  });

  it("should give sines and cosines of every finite angle", async () => {
    for (const [low, high] of [
      [1e-6, 4000],
      [4000, 3e38],
    ] as const) {
      expect(await unary("sin", spread(low, high, true, 4), true)).toBeLessThan(2.5);
      expect(await unary("cos", spread(low, high, true, 5), true)).toBeLessThan(2.5);
    }
  });

  it("should give powers of any size", async () => {
    const bases = spread(1e-30, 1e30, false, 6);
    const exponents = spread(1e-3, 60, true, 7);
    expect(await binary("pow", bases, exponents, (a, b) => a ** b)).toBeLessThan(3);
  });

  it("should divide at the extremes", async () => {
    const [a, b] = [spread(smallestNormal, 3e38, true, 8), spread(smallestNormal, 3e38, true, 9)];
    expect(await binary("div", a, b, (p, q) => p / q)).toBeLessThan(2.5);
  });
});
