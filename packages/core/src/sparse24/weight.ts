import type { Backend, Sparse24Form } from "../backend.js";
import { defaultBackend } from "../default-backend.js";
import { DisposedError } from "../errors.js";
import { fromTyped } from "../ops/creation.js";
import { formatShape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { checkSparse24, denseRows, type Sparse24DType, type Sparse24Parts, sparse24DType } from "./parts.js";

/** Where the weights are: arranged on the backend, or on the host. */
export type Sparse24Place = { readonly words: Tensor } | { readonly parts: Sparse24Parts };

/**
 * A 2:4-sparse weight W `[out, in]` for {@link sparse24Matmul}, in a little more than half the memory of a dense one.
 *
 * Backends with kernels for it keep it in an arrangement of their own. On others the parts stay on the host, and products
 * unpack a few rows at a time to a temporary dense matrix: slower than a dense weight, but never one whole in memory.
 */
export class Sparse24Weight {
  readonly backend: Backend;
  /** `[out, in]`. */
  readonly shape: readonly [out: number, inputs: number];
  readonly dtype: Sparse24DType;
  readonly #form: Sparse24Form;
  #place: Sparse24Place | undefined;

  private constructor(backend: Backend, form: Sparse24Form, place: Sparse24Place) {
    this.backend = backend;
    this.shape = form.shape;
    this.dtype = form.dtype;
    this.#form = form;
    this.#place = place;
  }

  /**
   * From kept weights and their positions. A backend without kernels keeps the arrays themselves: do not change them.
   *
   * @throws ShapeError where sizes disagree, `in` is no multiple of 8 or `out` none of `rowsPerPattern`; OptionError where a group of four does not have two
   * ascending positions. Both name `parts.name`.
   */
  static pack(parts: Sparse24Parts, backend = defaultBackend()): Sparse24Weight {
    checkSparse24(parts);
    const shape = [...parts.shape] as const;
    const dtype = sparse24DType(parts);
    if (!backend.arrangeSparse24) {
      return new Sparse24Weight(backend, { shape, dtype, arrangement: "host" }, { parts });
    }
    const { words, ...arranged } = backend.arrangeSparse24(parts);
    const place = { words: fromTyped(words, [words.length], "i32", backend) };
    return new Sparse24Weight(backend, { shape, dtype, ...arranged }, place);
  }

  /** What the weights take: on the backend, or on the host where it has no kernels. */
  get byteLength(): number {
    const place = this.place;
    if ("words" in place) return 4 * place.words.size;
    return place.parts.values.byteLength + place.parts.positions.byteLength;
  }

  get isDisposed(): boolean {
    return this.#place === undefined;
  }

  /** How the backend arranged the weights. */
  get form(): Sparse24Form {
    return this.#form;
  }

  /** Throws {@link DisposedError} after `dispose()`. */
  get place(): Sparse24Place {
    if (this.#place) return this.#place;
    throw new DisposedError(`2:4-sparse weight ${formatShape(this.shape)} was disposed of: pack it anew`);
  }

  /** W `[out, in]` in f32, zeros where nothing is kept. */
  toDense(): Tensor {
    const { backend, shape, place } = this;
    if ("parts" in place) return fromTyped(denseRows(place.parts, 0, shape[0]), shape, "f32", backend);
    const dense = Tensor.empty(backend, shape, "f32");
    backend.kernels.sparse24Unpack!(place.words.operand, dense.operand, this.#form);
    return dense;
  }

  dispose(): void {
    if (this.#place && "words" in this.#place) this.#place.words.dispose();
    this.#place = undefined;
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}
