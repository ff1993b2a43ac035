import type * as Core from "@tensorflow/tfjs-core";
import type { BlockShape } from "../works/block-shape.js";
import { rmsNormEpsilon } from "../works/elementwise.js";

/** A Llama block as one writes it in TensorFlow.js; operands as `decoderBlockCheck` lists them. */
export function tfjsDecoderBlock(tf: typeof Core, shape: BlockShape, tokens: number) {
  const { hidden, heads, keyValueHeads, headDim } = shape;
  const half = headDim / 2;
  const norm = (x: Core.Tensor, gain: Core.Tensor) => {
    const meanSquare = tf.mean(tf.square(x), -1, true);
    return tf.mul(tf.mul(x, tf.rsqrt(tf.add(meanSquare, rmsNormEpsilon))), gain);
  };
  const linear = (x: Core.Tensor, weight: Core.Tensor) => tf.matMul(x, weight, false, true);
  const split = (x: Core.Tensor, count: number) =>
    tf.transpose(tf.reshape(x, [tokens, count, headDim]), [1, 0, 2]);
  const turn = (x: Core.Tensor, cosine: Core.Tensor, sine: Core.Tensor) => {
    const [a, b] = tf.split(x, [half, half], -1) as [Core.Tensor, Core.Tensor];
    return tf.concat(
      [tf.sub(tf.mul(a, cosine), tf.mul(b, sine)), tf.add(tf.mul(b, cosine), tf.mul(a, sine))],
      -1,
    );
  };
  /** Each key/value head for the query heads that share it. */
  const share = (x: Core.Tensor) => {
    const each = heads / keyValueHeads;
    const tiled = tf.tile(tf.expandDims(x, 1), [1, each, 1, 1]);
    return tf.reshape(tiled, [heads, tokens, headDim]);
  };
  return (...operands: Core.Tensor[]): Core.Tensor =>
    tf.tidy(() => {
      const [input, attentionGain, feedForwardGain, cosine, sine, q, k, v, o, gate, up, down] =
        operands as Required<Core.Tensor[]>;
      const x = tf.reshape(input!, [tokens, hidden]);
      const normed = norm(x, attentionGain!);
      const queries = turn(split(linear(normed, q!), heads), cosine!, sine!);
      const keys = share(turn(split(linear(normed, k!), keyValueHeads), cosine!, sine!));
      const values = share(split(linear(normed, v!), keyValueHeads));
      const scores = tf.mul(tf.matMul(queries, keys, false, true), 1 / Math.sqrt(headDim));
      const seen = tf.linalg.bandPart(tf.ones([tokens, tokens]) as Core.Tensor2D, -1, 0);
      const masked = tf.add(scores, tf.mul(tf.sub(seen, 1), 1e9));
      const mixed = tf.transpose(tf.matMul(tf.softmax(masked), values), [1, 0, 2]);
      const residual = tf.add(x, linear(tf.reshape(mixed, [tokens, heads * headDim]), o!));
      const gated = norm(residual, feedForwardGain!);
      const gates = linear(gated, gate!);
      const active = tf.mul(tf.mul(gates, tf.sigmoid(gates)), linear(gated, up!));
      return tf.add(residual, linear(active, down!));
    });
}
