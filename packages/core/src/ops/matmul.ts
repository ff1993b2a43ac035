import { defineOp } from "../define-op.js";
import { type DType, isFloat, isHalf } from "../dtype.js";
import { DTypeError, ShapeError } from "../errors.js";
import { countMatmul } from "../flops.js";
import { broadcastShapes, broadcastStrides, formatShape, sizeOf } from "../shape.js";
import { Tensor } from "../tensor.js";
import { cast, sumTo } from "./views.js";

/** What a factor computes in; a 16-bit one in f32 where the backend takes it. */
const productType = ({ dtype, backend }: Tensor): DType =>
  isHalf(dtype) && backend.capabilities.halfFactors ? "f32" : dtype;

export const matmulOp = defineOp({
  name: "matmul",
  forward: ([a, b]) => {
    const [dtype, other] = [productType(a!), productType(b!)];
    if (dtype !== other || !isFloat(dtype)) {
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
    const out = Tensor.empty(a!.backend, [...batch, m, n], dtype);
    a!.backend.kernels.matmul(spread(a!), spread(b!), out.operand, { accumulate: false, alpha: 1 });
    countMatmul(m * sizeOf(batch), n, k);
    return out;
  },
  vjp: ([g], { inputs: [a, b], wanted }) => [
    wanted[0] && !isHalf(a!.dtype) ? sumTo(g!.matmul(b!.transpose()), a!.shape) : undefined,
    wanted[1] && !isHalf(b!.dtype) ? sumTo(a!.transpose().matmul(g!), b!.shape) : undefined,
  ],
});

/**
 * Matrix product of the last two axes, the leading ones broadcast: `[…, m, k] · […, k, n] → […, m, n]`. Transposed views
 * cost nothing. f16 and bf16 operands compute in f32; where the backend does not take them they are cast first.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  const direct = (x: Tensor) => !isHalf(x.dtype) || x.backend.capabilities.halfFactors;
  if (direct(a) && direct(b)) return matmulOp.apply([a, b], undefined);
  const widen = (x: Tensor) => cast(x, isHalf(x.dtype) ? "f32" : x.dtype);
  using p = widen(a);
  using q = widen(b);
  return matmulOp.apply([p, q], undefined);
}
