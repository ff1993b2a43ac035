import { siteRoles } from "@denoise-rotator/contracts";
import { attention, rmsNorm, rope, swiglu, type Tensor, tidy } from "@denoise-rotator/core";
import type { BlockShape } from "./block-shape.js";
import { rmsNormEpsilon } from "./elementwise.js";

/**
 * A Llama block in core's operations; operands as `decoderBlockCheck` lists them. The models package streams checkpoints
 * and imports Node's modules, which a page has not; the operations are the same.
 */
export function decoderBlockForward(operands: readonly Tensor[], shape: BlockShape): Tensor {
  const [x, attentionGain, feedForwardGain, cosine, sine, ...weights] = operands as Tensor[];
  const { hidden, heads, keyValueHeads, headDim } = shape;
  const tokens = x!.shape[1]!;
  const linear = (input: Tensor, role: (typeof siteRoles)[number]) =>
    input.matmul(weights[siteRoles.indexOf(role)]!.transpose());
  return tidy(() => {
    let residual = x!.reshape([tokens, hidden]);
    const normed = rmsNorm(residual, attentionGain!, rmsNormEpsilon);
    const split = (role: "qProj" | "kProj" | "vProj", count: number) =>
      linear(normed, role).reshape([1, tokens, count, headDim]).transpose(1, 2);
    const q = rope(split("qProj", heads), cosine!, sine!);
    const k = rope(split("kProj", keyValueHeads), cosine!, sine!);
    const mixed = attention(q, k, split("vProj", keyValueHeads))
      .transpose(1, 2)
      .reshape([tokens, heads * headDim]);
    residual = residual.add(linear(mixed, "oProj"));
    const gated = rmsNorm(residual, feedForwardGain!, rmsNormEpsilon);
    const active = swiglu(linear(gated, "gateProj"), linear(gated, "upProj"));
    return residual.add(linear(active, "downProj"));
  });
}
