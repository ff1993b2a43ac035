import type { ByteSource } from "@denoise-rotator/hub";
import { checkRows } from "../check-rows.js";
import type { Checkpoint, CompanionFile } from "../checkpoint.js";
import type { WeightDType } from "../dtypes.js";
import { CheckpointError } from "../errors.js";
import { limits } from "../limits.js";
import type { ReadOptions } from "../safetensors-reader.js";
import { missingTensor } from "../suggest.js";
import { Tokenizer } from "../tokenizer.js";
import { firstNonFinite, nonFiniteError } from "../weight-codec.js";
import { type GgufType, isPlainType } from "./block-types.js";
import { configFromGguf } from "./config-from-gguf.js";
import { dequantize } from "./dequantize.js";
import { type MappedTensor, mapTensors } from "./map-tensors.js";
import { MetadataFields } from "./metadata-fields.js";
import { type GgufHeader, type GgufTensor, readGgufHeader } from "./read-header.js";
import { ropeFactors } from "./tensor-names.js";
import { tokenizerFromGguf } from "./tokenizer-from-gguf.js";

/** Values dequantised at once, so that little more than the result is held. */
const chunkValues = 2 ** 22;

/**
 * Opens a GGUF file of one of the supported architectures. Its header is read and checked, weights are dequantised row by
 * row when they are asked for; they have Hugging Face's names and order of rows. Closing it closes the source.
 *
 * @throws {CheckpointError} naming file, key or tensor, where it is damaged or not supported.
 */
export async function openGguf(source: ByteSource): Promise<GgufCheckpoint> {
  const header = await readGgufHeader(source);
  const factors = header.tensors.get(ropeFactors);
  const values = factors && (await readFactors(source, factors));
  return new GgufCheckpoint(source, header, configFromGguf(source.name, header, values));
}

/** A GGUF file as a checkpoint; see `openGguf`. */
export class GgufCheckpoint implements Checkpoint {
  readonly path: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly metadata: ReadonlyMap<string, unknown>;
  readonly #source: ByteSource;
  readonly #tensors: ReadonlyMap<string, MappedTensor>;

  /** @internal Use `openGguf`. */
  constructor(source: ByteSource, header: GgufHeader, config: Readonly<Record<string, unknown>>) {
    this.path = source.name;
    this.config = config;
    this.metadata = header.metadata;
    this.#source = source;
    this.#tensors = mapTensors(source.name, header, config);
  }

  get configFile(): string {
    return `${this.path}: metadata as config.json`;
  }

  get names(): string[] {
    return [...this.#tensors.keys()];
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  shape(name: string): readonly number[] {
    return this.#info(name).shape;
  }

  dtype(name: string): GgufType {
    return this.#info(name).type;
  }

  weightDType(name: string): WeightDType {
    const { type } = this.#info(name);
    return isPlainType(type) ? type : "bf16";
  }

  fileOf(_name: string): string {
    return this.path;
  }

  async read(name: string) {
    const info = this.#info(name);
    return { dtype: info.type, shape: info.shape, bytes: await this.#rows(info, 0, info.rows) };
  }

  async prefetch(name: string, signal?: AbortSignal): Promise<void> {
    const { begin, rows, rowBytes } = this.#info(name);
    await this.#source.prefetch?.(begin, rows * rowBytes, signal);
  }

  async readFloat32(name: string, options?: ReadOptions): Promise<Float32Array<ArrayBuffer>> {
    return this.#values(name, 0, this.#info(name).rows, options);
  }

  async readRows(
    name: string,
    begin: number,
    end: number,
    options?: ReadOptions,
  ): Promise<Float32Array<ArrayBuffer>> {
    checkRows(`${this.path}: tensor "${name}"`, this.shape(name), begin, end);
    return this.#values(name, begin, end, options);
  }

  async openTokenizer(): Promise<Tokenizer> {
    const { json, settings } = this.#tokenizerFiles();
    return new Tokenizer(json, settings, `${this.path}: tokenizer`);
  }

  /** What a GGUF file says of generating is part of `config`. */
  async generationConfig(): Promise<Readonly<Record<string, unknown>>> {
    return {};
  }

  async *companions(): AsyncGenerator<CompanionFile> {
    if (!this.metadata.has("tokenizer.ggml.model")) return;
    const { json, settings } = this.#tokenizerFiles();
    yield jsonFile("tokenizer.json", json);
    yield jsonFile("tokenizer_config.json", settings);
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tokenizerFiles() {
    return tokenizerFromGguf(new MetadataFields(this.path, this.metadata));
  }

  #info(name: string): MappedTensor {
    const info = this.#tensors.get(name);
    if (!info) throw missingTensor(this.path, name, this.#tensors.keys());
    return info;
  }

  async #values(
    name: string,
    begin: number,
    end: number,
    options: ReadOptions = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    const info = this.#info(name);
    const { width } = info;
    const out = new Float32Array((end - begin) * width);
    // Whole heads at a time, lest their rows be read twice.
    const head = info.headDim ?? 1;
    const step = Math.max(1, Math.floor(chunkValues / width / head)) * head;
    for (let row = begin; row < end; ) {
      const next = Math.min(end, (Math.floor(row / step) + 1) * step);
      const values = dequantize(info.type, await this.#rows(info, row, next));
      const bad = options.allowNonFinite ? -1 : firstNonFinite(values);
      if (bad >= 0) throw nonFiniteError(`${this.path}: tensor "${name}"`, values[bad]!, row * width + bad);
      out.set(values, (row - begin) * width);
      row = next;
    }
    return out;
  }

  /** The bytes of rows `[begin, end)`, in Hugging Face's order. */
  async #rows(info: MappedTensor, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const { rowBytes, headDim } = info;
    if (headDim === undefined) {
      return this.#source.read(info.begin + begin * rowBytes, (end - begin) * rowBytes);
    }
    const first = Math.floor(begin / headDim) * headDim;
    const last = Math.ceil(end / headDim) * headDim;
    const stored = await this.#source.read(info.begin + first * rowBytes, (last - first) * rowBytes);
    const out = new Uint8Array((end - begin) * rowBytes);
    for (let row = begin; row < end; row++) {
      const at = (pairwiseRow(row, headDim) - first) * rowBytes;
      out.set(stored.subarray(at, at + rowBytes), (row - begin) * rowBytes);
    }
    return out;
  }
}

/** Where Hugging Face's row of Q or K lies: i and i + headDim/2 of a head are neighbours, 2i and 2i + 1. */
function pairwiseRow(row: number, headDim: number): number {
  const inHead = row % headDim;
  const half = headDim / 2;
  return row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
}

async function readFactors(source: ByteSource, { type, begin, end, shape }: GgufTensor) {
  if (shape.length === 1 && end - begin <= limits.ggufRopeBytes) {
    return dequantize(type, await source.read(begin, end - begin));
  }
  throw new CheckpointError(
    "WRONG_SHAPE",
    `${source.name}: tensor "${ropeFactors}" is [${shape}], it must be half as long as a head`,
  );
}

const jsonFile = (name: string, json: unknown): CompanionFile => ({
  name,
  bytes: new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`),
});
