import { readFileSync } from "node:fs";
import { fromArray, type Tensor, tidy, valueAndGrad } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { choleskyUnchecked, polar, qr, solveTriangular, symmetricEigen } from "../src/index.js";
import { largestDifference } from "./support.js";

interface Stored {
  readonly shape: number[];
  readonly data: number[];
}
type Case = Record<string, Stored>;
interface Triangular {
  readonly upper: boolean;
  readonly transpose: boolean;
  readonly gradients: { readonly a: Stored; readonly b: Stored };
}

const casesOf = (file: string): Case[] =>
  JSON.parse(readFileSync(new URL(`../../../goldens/linalg/${file}.json`, import.meta.url), "utf8")).cases;
const load = ({ data, shape }: Stored): Tensor => fromArray(data, shape, { dtype: "f64" });

/** Gradients of ⟨f(inputs), cotangents⟩. */
function pullBack(
  f: (...x: Tensor[]) => Tensor[],
  inputs: Tensor[],
  cotangents: Stored[],
): readonly Tensor[] {
  const weighted = (...x: Tensor[]) =>
    f(...x)
      .map((y, i) => y.mul(load(cotangents[i]!)).sum())
      .reduce((a, b) => a.add(b));
  return valueAndGrad(weighted)(...inputs).grads;
}

const expectClose = async (actual: Tensor, expected: Stored, tolerance = 1e-10) => {
  expect(actual.shape).toEqual(expected.shape);
  expect(await largestDifference(actual, load(expected))).toBeLessThan(tolerance);
};

describe("PyTorch in float64", () => {
  it.each(casesOf("qr"))("should agree on qr $a.shape", async (golden) => {
    const a = load(golden.a!);
    const { Q, R } = qr(a);
    await expectClose(Q, golden.q!);
    await expectClose(R, golden.r!);
    const [throughQ] = pullBack((x) => [qr(x).Q], [a], [golden.qCotangent!]);
    await expectClose(throughQ!, golden.gradientThroughQ!);
    const both = (x: Tensor) => {
      const factors = qr(x);
      return [factors.Q, factors.R];
    };
    const [throughBoth] = pullBack(both, [a], [golden.qCotangent!, golden.rCotangent!]);
    await expectClose(throughBoth!, golden.gradientThroughBoth!);
  });

  it.each(casesOf("cholesky"))("should agree on cholesky $a.shape", async (golden) => {
    const a = load(golden.a!);
    await expectClose(choleskyUnchecked(a), golden.l!);
    const [gradient] = pullBack((x) => [choleskyUnchecked(x)], [a], [golden.cotangent!]);
    await expectClose(gradient!, golden.gradient!);
  });

  it.each(casesOf("triangular"))(
    "should agree on triangular solve, upper $upper, transpose $transpose",
    async (golden) => {
      const { upper, transpose, gradients } = golden as unknown as Triangular;
      const [a, b] = [load(golden.a!), load(golden.b!)];
      const run = (p: Tensor, q: Tensor) => solveTriangular(p, q, { lower: !upper, transpose });
      await expectClose(run(a, b), golden.x!);
      const pulled = pullBack((p, q) => [run(p!, q!)], [a, b], [golden.cotangent!]);
      await expectClose(pulled[0]!, gradients.a);
      await expectClose(pulled[1]!, gradients.b);
    },
  );

  it.each(casesOf("polar"))("should agree on polar $a.shape", async (golden) => {
    const a = load(golden.a!);
    const run = (x: Tensor) => polar(x, { iterations: 60 });
    await expectClose(run(a), golden.factor!);
    const [gradient] = pullBack((x) => [run(x!)], [a], [golden.cotangent!]);
    await expectClose(gradient!, golden.gradient!, 1e-8);
  });

  it.each(casesOf("eigen"))("should agree on symmetric eigen $a.shape", async (golden) => {
    const { values, vectors } = await symmetricEigen(load(golden.a!));
    await expectClose(values, golden.values!);
    const overlaps = tidy(() => vectors.transpose().matmul(load(golden.vectors!)).abs());
    const n = values.size;
    const identity = Array.from({ length: n * n }, (_, k) => Number(k % (n + 1) === 0));
    await expectClose(overlaps, { shape: [n, n], data: identity }, 1e-9);
  });
});
