import { tmpdir } from "node:os";
import { decodeBFloat16, encodeBFloat16 } from "@denoise-rotator/core";
import { type ScratchExtent, ScratchFile } from "@denoise-rotator/hub";

/** How activations are kept between blocks. */
export const activationDTypes = ["f32", "bf16"] as const;
export type ActivationDType = (typeof activationDTypes)[number];

export interface ActivationStorageOptions {
  /** Bytes of activations held in memory, of all streams together; what is more goes to a file. Default: all. */
  readonly memory?: number | undefined;
  /** Folder of that file, which has no name and vanishes with the process. Default: the system's. */
  readonly scratch?: string | undefined;
  /**
   * `bf16` halves what activations take but rounds them after every block, so results differ. In memory and on disk they
   * are kept alike: where they are never changes a result. Default `f32`.
   */
  readonly dtype?: ActivationDType | undefined;
}

/** A batch of activations, wherever it is. Whoever stores it, or shares it, releases it. */
export interface StoredBatch {
  /** Values `[begin, end)`; not to be changed. */
  read(begin: number, end: number): Float32Array;
  /** Another owner of the same values. */
  share(): StoredBatch;
  release(): void;
}

type Stored = Float32Array | Uint16Array;

/** Keeps batches in memory up to a limit, the others in a file that is made when first needed. */
export class ActivationStorage {
  readonly dtype: ActivationDType;
  readonly #limit: number;
  readonly #scratch: string;
  #file: ScratchFile | undefined;
  #resident = 0;

  constructor(options: ActivationStorageOptions = {}) {
    this.dtype = options.dtype ?? "f32";
    this.#limit = options.memory ?? Number.POSITIVE_INFINITY;
    this.#scratch = options.scratch ?? tmpdir();
  }

  /** Bytes of activations in memory. */
  get residentBytes(): number {
    return this.#resident;
  }
  /** Bytes of activations on disk. */
  get spilledBytes(): number {
    return this.#file?.used ?? 0;
  }

  /**
   * Takes values over.
   *
   * @throws {HubError} `NOT_WRITABLE` or `WRITE_FAILED` where the file cannot take them.
   */
  store(values: Float32Array): StoredBatch {
    const data: Stored = this.dtype === "bf16" ? encodeBFloat16(values) : values;
    const bytes = data.byteLength;
    if (this.#resident + bytes <= this.#limit) {
      this.#resident += bytes;
      return new SharedBatch(
        (begin, end) => widen(data.subarray(begin, end)),
        () => {
          this.#resident -= bytes;
        },
      );
    }
    this.#file ??= new ScratchFile(this.#scratch);
    const file = this.#file;
    const extent = file.write(bytesOf(data));
    return new SharedBatch(
      (begin, end) => this.#readBack(file, extent, begin, end),
      () => file.free(extent),
    );
  }

  /** Gives the file up; batches in it cannot be read any more. */
  dispose(): void {
    this.#file?.close();
    this.#file = undefined;
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #readBack(file: ScratchFile, extent: ScratchExtent, begin: number, end: number): Float32Array {
    const data = this.dtype === "bf16" ? new Uint16Array(end - begin) : new Float32Array(end - begin);
    file.read(extent, begin * data.BYTES_PER_ELEMENT, bytesOf(data));
    return widen(data);
  }
}

/** Values with as many owners as shared them. */
class SharedBatch implements StoredBatch {
  #owners = 1;
  readonly read: StoredBatch["read"];
  readonly #free: () => void;

  constructor(read: StoredBatch["read"], free: () => void) {
    this.read = read;
    this.#free = free;
  }

  share(): StoredBatch {
    this.#owners++;
    return this;
  }

  release(): void {
    if (--this.#owners === 0) this.#free();
  }
}

const widen = (data: Stored): Float32Array => (data instanceof Float32Array ? data : decodeBFloat16(data));
const bytesOf = ({ buffer, byteOffset, byteLength }: Stored) =>
  new Uint8Array(buffer, byteOffset, byteLength);
