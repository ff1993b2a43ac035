import {
  crossEntropy,
  fromTyped,
  logSoftmax,
  NonFiniteError,
  rmsNorm,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import { type Activations, readFloats } from "./activations.js";
import { loadTensor, type WeightSource } from "./load-block.js";

/** Elements of the logits on the device at once. */
const logitElements = 2 ** 24;

/** Final norm and output projection on the device. Whoever loads it disposes of it. */
export class LanguageHead {
  readonly #gain: Tensor;
  readonly #weight: Tensor;
  readonly #eps: number;

  private constructor(gain: Tensor, weight: Tensor, eps: number) {
    this.#gain = gain;
    this.#weight = weight;
    this.#eps = eps;
  }

  static async load(source: WeightSource): Promise<LanguageHead> {
    const { config, family } = source;
    const gain = await loadTensor(source, family.finalNorm);
    try {
      const weight = await loadTensor(source, config.tieWordEmbeddings ? family.embedding : family.head);
      return new LanguageHead(gain, weight, config.rmsNormEps);
    } catch (error) {
      gain.dispose();
      throw error;
    }
  }

  /** Logits `[rows, vocabulary]` of the last block's outputs `[rows, hidden]`. The caller disposes. */
  logits(hidden: Tensor): Tensor {
    return tidy(() => rmsNorm(hidden, this.#gain, this.#eps).matmul(this.#weight.transpose()));
  }

  /**
   * ln p of tokens 1… of every window, given the last block's outputs; a bounded number of rows at a time.
   *
   * @throws NonFiniteError naming the window whose logits are NaN or infinite.
   */
  async logLikelihoods(hidden: Activations, index: number, window: Int32Array): Promise<Float32Array> {
    const { width } = hidden;
    const device = this.#gain.backend;
    const values = hidden.window(index);
    const predicted = window.length - 1;
    const out = new Float32Array(Math.max(0, predicted));
    const step = Math.max(1, Math.floor(logitElements / this.#weight.shape[0]!));
    for (let begin = 0; begin < predicted; begin += step) {
      const end = Math.min(predicted, begin + step);
      using rows = fromTyped(
        values.subarray(begin * width, end * width),
        [end - begin, width],
        "f32",
        device,
      );
      using targets = fromTyped(window.subarray(begin + 1, end + 1), [end - begin], "i32", device);
      const [nll, sums] = tidy((): [Tensor, Tensor] => {
        const logits = this.logits(rows);
        return [crossEntropy(logits, targets), logits.sum({ axis: -1 })];
      });
      try {
        const [losses, totals] = await Promise.all([readFloats(nll), readFloats(sums)]);
        out.set(
          losses.map((value) => -value),
          begin,
        );
        // A sum is finite only if every logit is; the loss alone overlooks a logit of −∞.
        if (!totals.every(Number.isFinite)) {
          throw new NonFiniteError(`window ${index}: logits hold NaN or infinity`);
        }
      } finally {
        nll.dispose();
        sums.dispose();
      }
    }
    return out;
  }

  /** Mean over tokens of KL(p‖q) in nats, p and q from the last block's outputs; a window at a time. */
  async divergence(p: Activations, q: Activations): Promise<number> {
    const { length, width } = p;
    let total = 0;
    for (let window = 0; window < p.count; window++) {
      using sum = tidy(() => {
        const logProbability = (hidden: Activations) =>
          logSoftmax(
            this.logits(fromTyped(hidden.window(window), [length, width], "f32", this.#gain.backend)),
          );
        const [first, second] = [logProbability(p), logProbability(q)];
        return first.exp().mul(first.sub(second)).sum();
      });
      const value = (await readFloats(sum))[0]!;
      if (!Number.isFinite(value)) throw new NonFiniteError(`window ${window}: the divergence is ${value}`);
      total += value;
    }
    return total / p.tokens;
  }

  dispose(): void {
    this.#gain.dispose();
    this.#weight.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}
