import { type Tensor, tidy, zeros } from "@denoise-rotator/core";

export interface AdamSettings {
  readonly learningRate: number;
  /** Decay of the gradients' mean; default 0.9. */
  readonly beta1?: number;
  /** Decay of their mean square; default 0.95, which suits some dozens of steps. */
  readonly beta2?: number;
}

/** Adam (Kingma & Ba, arXiv 1412.6980) on several tensors, ε 1e-8; owns its moments. */
export class Adam {
  readonly #settings: Required<AdamSettings>;
  #moments: { readonly m: Tensor; readonly v: Tensor }[] = [];
  #steps = 0;

  constructor(settings: AdamSettings) {
    this.#settings = { beta1: 0.9, beta2: 0.95, ...settings };
  }

  /** The next values of `x` given gradients, the learning rate times `scale`; the caller disposes of both. */
  step(x: readonly Tensor[], gradients: readonly Tensor[], scale: number): Tensor[] {
    const { learningRate, beta1, beta2 } = this.#settings;
    const count = ++this.#steps;
    const next = tidy(() =>
      x.map((value, i) => {
        const like = { dtype: value.dtype, backend: value.backend };
        const { m, v } = this.#moments[i] ?? { m: zeros(value.shape, like), v: zeros(value.shape, like) };
        const g = gradients[i]!;
        const first = m.mul(beta1).add(g.mul(1 - beta1));
        const second = v.mul(beta2).add(g.square().mul(1 - beta2));
        const spread = second
          .div(1 - beta2 ** count)
          .sqrt()
          .add(1e-8);
        const moved = value.sub(first.mul((scale * learningRate) / (1 - beta1 ** count)).div(spread));
        return { value: moved, m: first, v: second };
      }),
    );
    this.dispose();
    this.#moments = next.map(({ m, v }) => ({ m, v }));
    return next.map(({ value }) => value);
  }

  dispose(): void {
    for (const { m, v } of this.#moments) {
      m.dispose();
      v.dispose();
    }
    this.#moments = [];
  }
}
