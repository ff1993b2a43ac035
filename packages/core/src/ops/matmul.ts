import { defineOp } from "../define-op.js";
import { isFloat, isHalf } from "../dtype.js";
import { DTypeError, ShapeError } from "../errors.js";
import { countMatmul } from "../flops.js";
import { broadcastShapes, broadcastStrides, formatShape, sizeOf } from "../shape.js";
import { Tensor } from "../tensor.js";
import { cast, sumTo } from "./views.js";

export const matmulOp = defineOp({
  name: "matmul",
  forward: ([a, b]) => {
    if (a!.dtype !== b!.dtype || !isFloat(a!.dtype)) {
      throw new DTypeError(`matmul: does not take ${a!.dtype} and ${b!.dtype}; cast first`);
    }
    const [m, k] = a!.shape.slice(-2) as [number, number];
    const [inner, n] = b!.shape.slice(-2) as [number, number];
    if (a!.rank < 2 || b!.rank < 2 || k !== inner) {
      throw new ShapeError(
        `matmul: shapes ${formatShape(a!.shape)} and ${formatShape(b!.shape)} do not multiply`,
      );
    }
    const batch = broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2), "matmul");
    const spread = (x: Tensor) => {
      const shape = [...batch, ...x.shape.slice(-2)];
      return { ...x.operand, shape, strides: broadcastStrides(x.shape, x.strides, shape) };
    };
    const out = Tensor.empty(a!.backend, [...batch, m, n], a!.dtype);
    a!.backend.kernels.matmul(spread(a!), spread(b!), out.operand, { accumulate: false, alpha: 1 });
    countMatmul(m * sizeOf(batch), n, k);
    return out;
  },
  vjp: ([g], { inputs: [a, b], wanted }) => [
    wanted[0] ? sumTo(g!.matmul(b!.transpose()), a!.shape) : undefined,
    wanted[1] ? sumTo(a!.transpose().matmul(g!), b!.shape) : undefined,
  ],
});

/**
 * Matrix product of the last two axes, the leading ones broadcast: `[…, m, k] · […, k, n] → […, m, n]`. Transposed views
 * cost nothing. f16 and bf16 operands are cast to f32 first.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (!isHalf(a.dtype) && !isHalf(b.dtype)) return matmulOp.apply([a, b], undefined);
  const widen = (x: Tensor) => cast(x, isHalf(x.dtype) ? "f32" : x.dtype);
  using p = widen(a);
  using q = widen(b);
  return matmulOp.apply([p, q], undefined);
}
