import type { Backend, Operand } from "./backend.js";
import { breathe } from "./breathe.js";
import { byteWidth, type DType, type TypedArray, typedView } from "./dtype.js";
import { BackendError, DisposedError } from "./errors.js";
import type { TensorMethods } from "./methods.js";
import { unwatch, watch } from "./safety-net.js";
import { forgetInScope, registerInScope } from "./scope.js";
import { contiguousStrides, formatShape, isContiguous, type Shape, sizeOf } from "./shape.js";
import { Storage } from "./storage.js";

let nextId = 0;

/**
 * An immutable n-dimensional array on a backend: a strided window onto a reference-counted buffer.
 *
 * `dispose()` (or `using`, or an enclosing {@link tidy}) frees it at once. Methods are those of {@link TensorMethods}.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the methods are installed by methods.ts
export class Tensor {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
  readonly dtype: DType;
  /** Names the value, not the handle: two handles of one value share it. */
  readonly id: number;
  /** Set by the safety net. @internal */
  guarded = false;
  readonly #storage: Storage;
  #disposed = false;

  private constructor(storage: Storage, dtype: DType, layout: Layout, id: number) {
    this.#storage = storage;
    this.dtype = dtype;
    this.shape = layout.shape;
    this.strides = layout.strides;
    this.offset = layout.offset;
    this.id = id;
    watch(this, storage);
    registerInScope(this);
  }

  /** Contiguous, contents unspecified; for kernels to write into. */
  static empty(backend: Backend, shape: Shape, dtype: DType): Tensor {
    if (!backend.capabilities.dtypes.includes(dtype)) {
      throw new BackendError(`backend ${backend.name} cannot store ${dtype}: cast on the cpu backend first`);
    }
    const storage = new Storage(backend, sizeOf(shape) * byteWidth(dtype));
    return new Tensor(
      storage,
      dtype,
      { shape: [...shape], strides: contiguousStrides(shape), offset: 0 },
      nextId++,
    );
  }

  /** A view of the same buffer: a new value unless `sameValue`. */
  view(layout: Layout, sameValue = false): Tensor {
    const storage = this.storage.retain();
    return new Tensor(storage, this.dtype, layout, sameValue ? this.id : nextId++);
  }

  /** Another handle of the same value, to be disposed of on its own. */
  alias(): Tensor {
    return this.view(this, true);
  }

  get backend(): Backend {
    return this.#storage.backend;
  }
  get rank(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }
  get isDisposed(): boolean {
    return this.#disposed;
  }
  get isContiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }

  /** Throws {@link DisposedError} after `dispose()`. */
  assertUsable(): void {
    if (this.#disposed) {
      throw new DisposedError(
        `tensor ${this.dtype}${formatShape(this.shape)} was disposed of: return it from tidy, or keep its alias()`,
      );
    }
  }

  private get storage(): Storage {
    this.assertUsable();
    return this.#storage;
  }

  /** What kernels see. */
  get operand(): Operand {
    const { dtype, shape, strides, offset } = this;
    return { buffer: this.storage.buffer, dtype, shape, strides, offset };
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    unwatch(this);
    forgetInScope(this);
    this.#storage.release();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The elements in row-major order; 16-bit floats as their bits. */
  async read(): Promise<TypedArray> {
    using dense = this.#dense();
    const { dtype, size, offset } = dense;
    const width = byteWidth(dtype);
    await breathe();
    const bytes = await this.backend.read(dense.storage.buffer, offset * width, size * width);
    return typedView(dtype, bytes.buffer, bytes.byteOffset, size);
  }

  /** As {@link read}, on backends that can wait for their device. Throws {@link BackendError} elsewhere. */
  readSync(): TypedArray {
    if (!this.backend.readSync)
      throw new BackendError(`backend ${this.backend.name} reads asynchronously: await read()`);
    using dense = this.#dense();
    const { dtype, size, offset } = dense;
    const width = byteWidth(dtype);
    const bytes = this.backend.readSync(dense.storage.buffer, offset * width, size * width);
    return typedView(dtype, bytes.buffer, bytes.byteOffset, size);
  }

  #dense(): Tensor {
    if (this.isContiguous) return this.alias();
    const copy = Tensor.empty(this.backend, this.shape, this.dtype);
    this.backend.kernels.copy(this.operand, copy.operand);
    return copy;
  }
}

export interface Layout {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

export interface Tensor extends TensorMethods {}
