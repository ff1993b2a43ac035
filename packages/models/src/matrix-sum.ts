import { type Tensor, tidy } from "@denoise-rotator/core";

/** Sums matrices of one shape in f32 with Kahan's compensation, so that the error does not grow with their number. */
export class MatrixSum {
  #sum: Tensor | undefined;
  #excess: Tensor | undefined;

  /** Adds what `make` makes. */
  add(make: () => Tensor): void {
    const [sum, excess] = [this.#sum, this.#excess];
    const next = tidy((): { sum: Tensor; excess?: Tensor } => {
      const term = make();
      if (!sum) return { sum: term };
      const corrected = excess ? term.sub(excess) : term;
      const total = sum.add(corrected);
      return { sum: total, excess: total.sub(sum).sub(corrected) };
    });
    this.dispose();
    this.#sum = next.sum;
    this.#excess = next.excess;
  }

  /** The sum, `undefined` where nothing was added; ownership passes to the caller. */
  take(): Tensor | undefined {
    const sum = this.#sum;
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
