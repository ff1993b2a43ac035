import type { nn as Nn, numpy as Np } from "@jax-js/jax";
import type { BlockShape } from "../works/block-shape.js";
import { rmsNormEpsilon } from "../works/elementwise.js";

type JaxArray = Np.Array;

/** A Llama block as one writes it in jax-js, to be traced; operands as `decoderBlockCheck` lists them. */
export function jaxDecoderBlock(
  { np, nn }: { readonly np: typeof Np; readonly nn: typeof Nn },
  shape: BlockShape,
  tokens: number,
) {
  const { hidden, heads, keyValueHeads, headDim } = shape;
  const norm = (x: JaxArray, gain: JaxArray) => {
    const meanSquare = np.mean(np.square(x.ref), -1, { keepdims: true });
    return x.div(np.sqrt(meanSquare.add(rmsNormEpsilon))).mul(gain);
  };
  const linear = (x: JaxArray, weight: JaxArray) => np.matmul(x, np.transpose(weight));
  const turn = (x: JaxArray, cosine: JaxArray, sine: JaxArray) => {
    const half = headDim / 2;
    const [a, b] = [x.ref.slice([], [], [], [0, half]), x.slice([], [], [], [half, headDim])];
    const first = a.ref.mul(cosine.ref).sub(b.ref.mul(sine.ref));
    const second = b.mul(cosine).add(a.mul(sine));
    return np.concatenate([first, second], -1);
  };
  const split = (x: JaxArray, count: number) => x.reshape([1, tokens, count, headDim]);
  return (...operands: JaxArray[]): JaxArray => {
    const [input, attentionGain, feedForwardGain, cosine, sine, q, k, v, o, gate, up, down] =
      operands as Required<JaxArray[]>;
    const x = input!.reshape([tokens, hidden]);
    // Positions go along the second axis, `[1, tokens, heads, dim]`.
    const table = (each: JaxArray) => each.reshape([1, tokens, 1, headDim / 2]);
    const [cosines, sines] = [table(cosine!), table(sine!)];
    const normed = norm(x.ref, attentionGain!);
    const queries = turn(split(linear(normed.ref, q!), heads), cosines.ref, sines.ref);
    const keys = turn(split(linear(normed.ref, k!), keyValueHeads), cosines, sines);
    const values = split(linear(normed, v!), keyValueHeads);
    const mixed = nn.dotProductAttention(queries, keys, values, { isCausal: true });
    const residual = x.add(linear(mixed.reshape([tokens, heads * headDim]), o!));
    const gated = norm(residual.ref, feedForwardGain!);
    const active = nn.silu(linear(gated.ref, gate!)).mul(linear(gated, up!));
    return residual.add(linear(active, down!));
  };
}
