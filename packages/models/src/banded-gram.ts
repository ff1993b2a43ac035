import { copyInto, Tensor, tidy } from "@denoise-rotator/core";
import { MatrixSum } from "./matrix-sum.js";

/** Rows of H that are summed together. */
const defaultBandRows = 1024;

/**
 * Sums Xᵀ·X of rows X `[tokens, in]`, to the bits of a {@link MatrixSum} of `gram`, in the rows of its lower triangle: holds one
 * matrix while sums go on where that holds two and a half, and one and a half for a moment at the end.
 */
export class BandedGram {
  readonly #bandRows: number;
  readonly #bands: MatrixSum[] = [];
  #width = 0;

  constructor(bandRows = defaultBandRows) {
    this.#bandRows = bandRows;
  }

  /** The rows stay the caller's. */
  add(rows: Tensor): void {
    this.#width = rows.shape[1]!;
    this.#ranges().forEach(([begin, end], i) => {
      this.#bands[i] ??= new MatrixSum();
      const band = this.#bands[i]!;
      band.add(() =>
        rows
          .slice(null, [begin, end])
          .transpose()
          .matmul(rows.slice(null, [0, end])),
      );
    });
  }

  /** The whole sum `[in, in]`, `undefined` where nothing was added; ownership passes to the caller. */
  take(): Tensor | undefined {
    const parts = this.#bands.splice(0).map((band) => band.take()!);
    if (parts.length === 0) return undefined;
    const { backend, dtype } = parts[0]!;
    const whole = Tensor.empty(backend, [this.#width, this.#width], dtype);
    this.#ranges().forEach(([begin, end], i) => {
      using part = parts[i]!;
      tidy(() => {
        copyInto(whole.slice([begin, end], [0, end]), part);
        copyInto(whole.slice([0, begin], [begin, end]), part.slice(null, [0, begin]).transpose());
      });
    });
    return whole;
  }

  dispose(): void {
    for (const band of this.#bands.splice(0)) band.dispose();
  }

  #ranges(): (readonly [begin: number, end: number])[] {
    const count = Math.ceil(this.#width / this.#bandRows);
    return Array.from({ length: count }, (_, i) => {
      const begin = i * this.#bandRows;
      return [begin, Math.min(this.#width, begin + this.#bandRows)] as const;
    });
  }
}
