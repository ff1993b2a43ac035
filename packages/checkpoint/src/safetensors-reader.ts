import type { ByteSource } from "@denoise-rotator/hub";
import { checkRows } from "./check-rows.js";
import { isWeightDType, type StorageDType, storageBits, type WeightDType } from "./dtypes.js";
import { CheckpointError } from "./errors.js";
import {
  headerLength,
  parseHeader,
  prefixBytes,
  type SafetensorsHeader,
  type TensorInfo,
} from "./safetensors-header.js";
import { missingTensor } from "./suggest.js";
import { decodeWeights, firstNonFinite, nonFiniteError, weightBytes } from "./weight-codec.js";

/** Bytes read at once while widening a tensor, so that little more than the result is held. */
const chunkBytes = 2 ** 24;

export interface ReadOptions {
  /** Let NaN and infinity pass; by default they are an error that names the tensor. */
  allowNonFinite?: boolean;
}

/** Reads and checks the header of a safetensors file: two range reads. */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const size = await source.size();
  if (size < prefixBytes) {
    throw new CheckpointError(
      "MALFORMED",
      `${source.name}: ${size} bytes are too few for a safetensors file`,
    );
  }
  const length = headerLength(source.name, await source.read(0, prefixBytes), size);
  return parseHeader(source.name, await source.read(prefixBytes, length), size);
}

/**
 * Opens a safetensors file; tensors are read by their byte ranges when asked for. Closing it closes the source.
 * @throws {CheckpointError} naming file, tensor and byte, if the header is not exactly as the format demands.
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  return new SafetensorsFile(source, await readSafetensorsHeader(source));
}

/** An open safetensors file. */
export class SafetensorsFile implements AsyncDisposable {
  /** In the order of their bytes in the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #source: ByteSource;

  constructor(source: ByteSource, header: SafetensorsHeader) {
    this.#source = source;
    this.tensors = header.tensors;
    this.metadata = header.metadata;
  }

  get name(): string {
    return this.#source.name;
  }

  /** The tensor's bytes as they are in the file. */
  async read(
    name: string,
  ): Promise<{ dtype: StorageDType; shape: readonly number[]; bytes: Uint8Array<ArrayBuffer> }> {
    const { dtype, shape, begin, end } = this.info(name);
    return { dtype, shape, bytes: await this.#source.read(begin, end - begin) };
  }

  /** Has the system read a tensor's bytes ahead, where the source can; see `ByteSource.prefetch`. */
  async prefetch(name: string, signal?: AbortSignal): Promise<void> {
    const { begin, end } = this.info(name);
    await this.#source.prefetch?.(begin, end - begin, signal);
  }

  /** All values of an f32, f16 or bf16 tensor, row-major. */
  async readFloat32(name: string, options?: ReadOptions): Promise<Float32Array<ArrayBuffer>> {
    const { shape } = this.info(name);
    return this.#readElements(name, 0, product(shape), options);
  }

  /** Rows `[begin, end)` of a matrix (or of the first axis of any tensor), row-major; nothing else is read. */
  async readRows(
    name: string,
    begin: number,
    end: number,
    options?: ReadOptions,
  ): Promise<Float32Array<ArrayBuffer>> {
    const { shape } = this.info(name);
    checkRows(`${this.name}: tensor "${name}"`, shape, begin, end);
    const width = product(shape.slice(1));
    return this.#readElements(name, begin * width, end * width, options);
  }

  /** The bytes of rows `[begin, end)` of the first axis, of a tensor whose elements are whole bytes. */
  async readRowBytes(name: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const info = this.info(name);
    checkRows(`${this.name}: tensor "${name}"`, info.shape, begin, end);
    const width = (product(info.shape.slice(1)) * storageBits(info.dtype)) / 8;
    return this.#source.read(info.begin + begin * width, (end - begin) * width);
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What is known of a tensor; its absence is an error. */
  info(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (!info) throw missingTensor(this.name, name, this.tensors.keys());
    return info;
  }

  async #readElements(
    name: string,
    begin: number,
    end: number,
    options: ReadOptions = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    const info = this.info(name);
    const where = `${this.name}: tensor "${name}"`;
    const dtype = requireWeightDType(where, info.dtype);
    const width = weightBytes[dtype];
    const values = new Float32Array(end - begin);
    const step = chunkBytes / width;
    for (let done = 0; done < values.length; done += step) {
      const count = Math.min(step, values.length - done);
      const bytes = await this.#source.read(info.begin + (begin + done) * width, count * width);
      const chunk = decodeWeights(dtype, bytes);
      const bad = options.allowNonFinite ? -1 : firstNonFinite(chunk);
      if (bad >= 0) throw nonFiniteError(where, chunk[bad]!, begin + done + bad);
      values.set(chunk, done);
    }
    return values;
  }
}

function requireWeightDType(where: string, dtype: StorageDType): WeightDType {
  if (isWeightDType(dtype)) return dtype;
  throw new CheckpointError(
    "WRONG_DTYPE",
    `${where} is ${dtype}, weights must be f32, f16 or bf16; convert the checkpoint first`,
  );
}

const product = (sizes: readonly number[]): number => sizes.reduce((total, size) => total * size, 1);
