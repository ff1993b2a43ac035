import {
  copyInto,
  defineOp,
  fillInto,
  formatShape,
  matmulInto,
  ShapeError,
  sameShape,
  Tensor,
  tidy,
  triangularSolveInto,
} from "@denoise-rotator/core";
import { identityInto } from "./diagonal.js";
import { copyOf, matricesFrom, matricesOf, squareSize } from "./matrices.js";
import { lowerTriangle, upperTriangle } from "./triangle.js";

export interface TriangularOptions {
  /** Which triangle of `a` is read; the other may hold anything. Default true. */
  readonly lower?: boolean;
  /** Solves with aᵀ. Default false. */
  readonly transpose?: boolean;
  /** Takes the diagonal as ones. Default false. */
  readonly unitDiagonal?: boolean;
}
type Attributes = Required<TriangularOptions>;

const panel = 64;

/**
 * x ← op(a)⁻¹·x in place for one matrix, blocked: the kernel on diagonal blocks, products for the rest. `identity`: x
 * is the identity, so that columns which are still zero are left out.
 */
function solveBlocked(x: Tensor, a: Tensor, attributes: Attributes, identity: boolean): void {
  const n = a.shape[0]!;
  const { lower, transpose } = attributes;
  const forward = lower !== transpose;
  const starts = Array.from({ length: Math.ceil(n / panel) }, (_, i) => i * panel);
  for (const start of forward ? starts : starts.reverse()) {
    tidy(() => {
      const stop = Math.min(n, start + panel);
      const columns = !identity ? null : forward ? ([0, stop] as const) : ([start] as const);
      const solved = x.slice([start, stop], columns);
      triangularSolveInto(solved, a.slice([start, stop], [start, stop]), attributes);
      const rest = forward ? ([stop, n] as const) : ([0, start] as const);
      if (rest[0] === rest[1]) return;
      const factor = transpose ? a.slice([start, stop], rest).transpose() : a.slice(rest, [start, stop]);
      matmulInto(x.slice(rest, columns), factor, solved, { accumulate: true, alpha: -1 });
    });
  }
}

/**
 * L ← L⁻¹ for a lower triangular matrix `[n, n]` that nobody else holds: what {@link inverseTriangular} gives, to the bit,
 * without a second matrix. The upper triangle must hold zeros. Not differentiable.
 */
export function invertLowerInPlace(L: Tensor): void {
  const n = squareSize(L, "invertLowerInPlace");
  const attributes = { lower: true, transpose: false, unitDiagonal: false };
  for (let start = 0; start < n; start += panel) {
    tidy(() => {
      const stop = Math.min(n, start + panel);
      const own = [start, stop] as const;
      const corner = copyOf(L.slice(own, own));
      const below = copyOf(L.slice([stop], own));
      fillInto(L.slice([start], own), 0);
      identityInto(L.slice(own, own));
      const solved = L.slice(own, [0, stop]);
      triangularSolveInto(solved, corner, attributes);
      if (stop < n) matmulInto(L.slice([stop], [0, stop]), below, solved, { accumulate: true, alpha: -1 });
    });
  }
}

const triangleOf = (x: Tensor, { lower, unitDiagonal }: Attributes) =>
  (lower ? lowerTriangle : upperTriangle)(x, { strict: unitDiagonal });

export const solveTriangularOp = defineOp<Attributes>({
  name: "solveTriangular",
  forward: ([a, b], attributes) => {
    const n = squareSize(a!, "solveTriangular");
    const fits = sameShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2)) && b!.shape.at(-2) === n;
    if (!fits || b!.dtype !== a!.dtype) {
      const [p, q] = [a!, b!].map((x) => `${x.dtype}${formatShape(x.shape)}`);
      throw new ShapeError(`solveTriangular: a ${p} and b ${q} do not fit [n, n] and [n, k]`);
    }
    const out = Tensor.empty(b!.backend, b!.shape, b!.dtype);
    tidy(() => {
      copyInto(out, b!);
      const factors = matricesFrom(a!);
      matricesOf(out).forEach((x, i) => {
        solveBlocked(x, factors[i]!, attributes, false);
      });
    });
    return out;
  },
  vjp: ([g], { inputs: [a], outputs: [x], attributes, wanted }) => {
    const back = solveTriangular(a!, g!, { ...attributes, transpose: !attributes.transpose });
    if (!wanted[0]) return [undefined, back];
    const outer = attributes.transpose ? x!.matmul(back.transpose()) : back.matmul(x!.transpose());
    return [triangleOf(outer.neg(), attributes), back];
  },
});

/**
 * op(a)⁻¹·b for triangular `a` `[…, n, n]` and `b` `[…, n, k]` with equal leading axes. Differentiable. A zero on the
 * diagonal gives infinities or NaN.
 *
 * @throws ShapeError if the shapes do not fit; DTypeError unless f32 or f64.
 */
export function solveTriangular(a: Tensor, b: Tensor, options: TriangularOptions = {}): Tensor {
  const { lower = true, transpose = false, unitDiagonal = false } = options;
  return solveTriangularOp.apply([a, b], { lower, transpose, unitDiagonal });
}

export const inverseTriangularOp = defineOp<Attributes>({
  name: "inverseTriangular",
  forward: ([a], attributes) => {
    squareSize(a!, "inverseTriangular");
    const out = Tensor.empty(a!.backend, a!.shape, a!.dtype);
    tidy(() => {
      const factors = matricesFrom(a!);
      matricesOf(out).forEach((x, i) => {
        identityInto(x);
        solveBlocked(x, factors[i]!, attributes, true);
      });
    });
    return out;
  },
  vjp: ([g], { outputs: [x], attributes }) => {
    const transposed = x!.transpose();
    return [triangleOf(transposed.matmul(g!).matmul(transposed).neg(), attributes)];
  },
});

/**
 * The inverse of triangular `a` `[…, n, n]`, triangular on the same side with exact zeros on the other: n³/3 products.
 * Differentiable.
 */
export function inverseTriangular(a: Tensor, options: Omit<TriangularOptions, "transpose"> = {}): Tensor {
  const { lower = true, unitDiagonal = false } = options;
  return inverseTriangularOp.apply([a], { lower, transpose: false, unitDiagonal });
}
