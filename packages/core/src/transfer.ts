import type { Backend } from "./backend.js";
import { decodeBFloat16, decodeFloat16 } from "./half.js";
import { fromTyped, type NestedNumbers } from "./ops/creation.js";
import type { Tensor } from "./tensor.js";

/** A copy of `x` on `backend`; another handle where it is there already. Not differentiable. */
export async function toBackend(x: Tensor, backend: Backend): Promise<Tensor> {
  if (x.backend === backend) return x.alias();
  return fromTyped(await x.read(), x.shape, x.dtype, backend);
}

/** The elements as numbers: 16-bit floats decoded. */
export async function toNumbers(x: Tensor): Promise<ArrayLike<number>> {
  const values = await x.read();
  if (x.dtype === "bf16") return decodeBFloat16(values as Uint16Array);
  if (x.dtype === "f16") return decodeFloat16(values as Uint16Array);
  return values;
}

/** The only element of `x` as a number. */
export async function item(x: Tensor): Promise<number> {
  const values = await toNumbers(x.size === 1 ? x : x.reshape([1]));
  return values[0]!;
}

export async function toNested(x: Tensor): Promise<NestedNumbers> {
  const values = await toNumbers(x);
  let at = 0;
  const build = (axis: number): NestedNumbers => {
    if (axis === x.rank) {
      const value = values[at++]!;
      return x.dtype === "bool" ? value !== 0 : value;
    }
    return Array.from({ length: x.shape[axis]! }, () => build(axis + 1));
  };
  return build(0);
}
