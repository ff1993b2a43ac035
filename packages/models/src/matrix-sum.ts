import { copyInto, type Tensor, tidy } from "@denoise-rotator/core";

/** Elements of the rows that are added at a time. */
const bandElements = 2 ** 22;

/**
 * Sums matrices of one shape in f32 with Kahan's compensation, so that the error does not grow with their number. Holds two
 * matrices, and a third while one is added.
 */
export class MatrixSum {
  #sum: Tensor | undefined;
  #excess: Tensor | undefined;

  /** Adds what `make` makes, a tensor nobody else holds. */
  add(make: () => Tensor): void {
    if (!this.#sum) {
      this.#sum = tidy(make);
      return;
    }
    using term = tidy(make);
    if (this.#excess) addCompensated(this.#sum, this.#excess, term);
    else this.#excess = addFirst(this.#sum, term);
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

/** sum ← sum + term; what rounding added is left in `term`, a handle of which is returned. */
function addFirst(sum: Tensor, term: Tensor): Tensor {
  eachBand([sum, term], ([s, t]) => {
    const total = s!.add(t!);
    copyInto(t!, total.sub(s!).sub(t!));
    copyInto(s!, total);
  });
  return term.alias();
}

/** sum ← sum + (term − excess), and the new excess. */
function addCompensated(sum: Tensor, excess: Tensor, term: Tensor): void {
  eachBand([sum, excess, term], ([s, e, t]) => {
    const corrected = t!.sub(e!);
    const total = s!.add(corrected);
    copyInto(e!, total.sub(s!).sub(corrected));
    copyInto(s!, total);
  });
}

function eachBand(matrices: readonly Tensor[], body: (bands: readonly Tensor[]) => void): void {
  const [rows, columns] = matrices[0]!.shape as [number, number];
  const step = Math.max(1, Math.floor(bandElements / columns));
  for (let begin = 0; begin < rows; begin += step) {
    const range = [begin, Math.min(rows, begin + step)] as const;
    tidy(() => body(matrices.map((matrix) => matrix.slice(range))));
  }
}
