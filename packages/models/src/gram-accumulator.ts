import { gram, type Tensor, tidy } from "@denoise-rotator/core";

/** Sums xᵀ·x over batches in f32 with Kahan's compensation, so that the error does not grow with their number. */
export class GramAccumulator {
  #sum: Tensor | undefined;
  #excess: Tensor | undefined;

  /** Adds the rows `[n, d]`, which stay the caller's. */
  add(rows: Tensor): void {
    const [sum, excess] = [this.#sum, this.#excess];
    const next = tidy((): { sum: Tensor; excess?: Tensor } => {
      const term = gram(rows);
      if (!sum) return { sum: term };
      const corrected = excess ? term.sub(excess) : term;
      const total = sum.add(corrected);
      return { sum: total, excess: total.sub(sum).sub(corrected) };
    });
    this.dispose();
    this.#sum = next.sum;
    this.#excess = next.excess;
  }

  /** The sum; ownership passes to the caller. */
  take(): Tensor {
    const sum = this.#sum!;
    this.#sum = undefined;
    this.dispose();
    return sum;
  }

  dispose(): void {
    this.#sum?.dispose();
    this.#excess?.dispose();
    this.#sum = this.#excess = undefined;
  }
}
