import {
  crossEntropy,
  fromTyped,
  logSoftmax,
  NonFiniteError,
  rmsNorm,
  type Tensor,
  take,
  tidy,
} from "@denoise-rotator/core";
import { type Activations, readFloats } from "./activations.js";
import { loadTensor, type WeightSource } from "./weight-source.js";

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

  /**
   * ln p of each target, given the last block's outputs `[n, hidden]` at the places before it, and whether no token is
   * likelier there; a bounded number of rows at a time. Logits that are NaN or infinite give NaN.
   */
  async tokenScores(
    rows: Float32Array,
    targets: Int32Array,
  ): Promise<{ logLikelihoods: Float32Array; greedy: boolean[] }> {
    const [vocabulary, width] = this.#weight.shape as [number, number];
    const device = this.#gain.backend;
    const count = targets.length;
    const logLikelihoods = new Float32Array(count);
    const greedy: boolean[] = [];
    const step = Math.max(1, Math.floor(logitElements / vocabulary));
    for (let begin = 0; begin < count; begin += step) {
      const end = Math.min(count, begin + step);
      using hidden = fromTyped(
        rows.subarray(begin * width, end * width),
        [end - begin, width],
        "f32",
        device,
      );
      const ids = targets.subarray(begin, end);
      using wanted = fromTyped(ids, [end - begin], "i32", device);
      using places = fromTyped(
        ids.map((id, i) => i * vocabulary + id),
        [end - begin],
        "i32",
        device,
      );
      const found = tidy((): [Tensor, Tensor, Tensor, Tensor] => {
        const logits = this.logits(hidden);
        const flat = logits.reshape([(end - begin) * vocabulary]);
        return [
          crossEntropy(logits, wanted),
          logits.sum({ axis: -1 }),
          logits.max({ axis: -1 }),
          take(flat, places),
        ];
      });
      try {
        const [losses, sums, largest, own] = await Promise.all(found.map(readFloats));
        for (let i = 0; i < end - begin; i++) {
          // A sum is finite only if every logit is; the loss alone overlooks a logit of −∞.
          logLikelihoods[begin + i] = Number.isFinite(sums![i]!) ? -losses![i]! : Number.NaN;
          greedy.push(own![i]! >= largest![i]!);
        }
      } finally {
        for (const tensor of found) tensor.dispose();
      }
    }
    return { logLikelihoods, greedy };
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
