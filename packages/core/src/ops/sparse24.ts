import type { Sparse24Form } from "../backend.js";
import { defineOp, type Op } from "../define-op.js";
import { BackendError, DTypeError, ShapeError } from "../errors.js";
import { countMatmul } from "../flops.js";
import { matmulInto } from "../into.js";
import { tidy } from "../scope.js";
import { formatShape } from "../shape.js";
import { denseRows, type Sparse24Parts } from "../sparse24/parts.js";
import type { Sparse24Weight } from "../sparse24/weight.js";
import { Tensor } from "../tensor.js";
import { fromTyped } from "./creation.js";
import { cast } from "./views.js";

interface Attributes {
  readonly form: Sparse24Form;
  /** Where the backend has no kernels; else the arranged words are the second input. */
  readonly parts: Sparse24Parts | undefined;
}

/** Most elements of W that are dense at once where the backend has no kernels. */
const denseElements = 1 << 19;

/** Calls `use` with stretches of W's rows `[rows, in]`, dense in `dtype`, and the first row's index. */
function eachDenseStretch(
  like: Tensor,
  parts: Sparse24Parts,
  use: (rows: Tensor, first: number) => void,
): void {
  const [out, inputs] = parts.shape;
  const most = Math.max(1, Math.floor(denseElements / inputs));
  for (let first = 0; first < out; first += most) {
    const count = Math.min(most, out - first);
    tidy(() => {
      const rows = fromTyped(denseRows(parts, first, count), [count, inputs], "f32", like.backend);
      use(like.dtype === "f32" ? rows : cast(rows, like.dtype), first);
    });
  }
}

export const sparse24MatmulOp: Op<Attributes> = defineOp<Attributes>({
  name: "sparse24Matmul",
  forward: ([x, words], { form, parts }) => {
    const [out, inputs] = form.shape;
    const rows = x!.shape[0]!;
    const y = Tensor.empty(x!.backend, [rows, out], x!.dtype);
    if (parts) {
      eachDenseStretch(x!, parts, (dense, first) => {
        using columns = y.slice(null, [first, first + dense.shape[0]!]);
        matmulInto(columns, x!, dense.transpose());
      });
    } else {
      x!.backend.kernels.sparse24Matmul!(x!.operand, words!.operand, y.operand, form);
      countMatmul(rows, out, inputs / 2);
    }
    return y;
  },
  vjp: ([g], { inputs: [, words], attributes }) => [
    sparse24TransposedOp.apply(words ? [g!, words] : [g!], attributes),
    ...(words ? [undefined] : []),
  ],
});

/** y·W, the adjoint of x·Wᵀ: `[m, out]` → `[m, in]`. */
export const sparse24TransposedOp: Op<Attributes> = defineOp<Attributes>({
  name: "sparse24Transposed",
  forward: ([y, words], { form, parts }) => {
    const { backend, dtype } = y!;
    if (!parts) {
      using dense = Tensor.empty(backend, form.shape, "f32");
      backend.kernels.sparse24Unpack!(words!.operand, dense.operand, form);
      return y!.matmul(dense);
    }
    const x = Tensor.empty(backend, [y!.shape[0]!, form.shape[1]], dtype);
    eachDenseStretch(y!, parts, (dense, first) => {
      const columns = y!.slice(null, [first, first + dense.shape[0]!]);
      matmulInto(x, columns, dense, { accumulate: first > 0 });
    });
    return x;
  },
  vjp: ([g], { inputs: [, words], attributes }) => [
    sparse24MatmulOp.apply(words ? [g!, words] : [g!], attributes),
    ...(words ? [undefined] : []),
  ],
});

/**
 * x·Wᵀ for a 2:4-sparse W: x `[…, in]` in f32 (f64 where the backend stores it and has no kernels) → `[…, out]`.
 * Differentiable in x. Whether NaN and infinity at an input that a row does not keep reach its output is left to backends.
 *
 * @throws ShapeError, DTypeError, BackendError where x does not fit the weight; DisposedError for a disposed weight.
 */
export function sparse24Matmul(x: Tensor, weight: Sparse24Weight): Tensor {
  const { form, place, shape } = weight;
  if (x.rank === 0 || x.shape.at(-1) !== shape[1]) {
    throw new ShapeError(
      `sparse24Matmul: x ${formatShape(x.shape)} does not fit a weight ${formatShape(shape)} of ${shape[1]} inputs`,
    );
  }
  if (x.backend !== weight.backend) {
    throw new BackendError(
      `sparse24Matmul: x lives on backend ${x.backend.name}, the weight on ${weight.backend.name}; pack it there`,
    );
  }
  const parts = "parts" in place ? place.parts : undefined;
  if (x.dtype !== "f32" && !(parts && x.dtype === "f64")) {
    throw new DTypeError(`sparse24Matmul: does not take ${x.dtype} on ${x.backend.name}; cast to f32 first`);
  }
  return tidy(() => {
    const rows = x.rank === 2 ? x : x.reshape([x.size / shape[1], shape[1]]);
    const y = sparse24MatmulOp.apply("words" in place ? [rows, place.words] : [rows], { form, parts });
    return x.rank === 2 ? y : y.reshape([...x.shape.slice(0, -1), shape[0]]);
  });
}
