import { checkRows } from "../check-rows.js";
import type { Checkpoint, CompanionFile } from "../checkpoint.js";
import type { StorageDType, WeightDType } from "../dtypes.js";
import { CheckpointError } from "../errors.js";
import { shorten } from "../names.js";
import type { SafetensorsCheckpoint } from "../safetensors-checkpoint.js";
import type { ReadOptions } from "../safetensors-reader.js";
import type { Tokenizer } from "../tokenizer.js";
import { encodeWeights } from "../weight-codec.js";
import { packedNames } from "./packed-names.js";
import {
  blockRows,
  formatPackedPattern,
  keptColumns,
  type PackedPattern,
  positionColumns,
  positionRows,
} from "./packed-pattern.js";
import { decodePackedValues, type PackedWeightRows } from "./packed-values.js";
import { decodePositions, unpackRows } from "./unpack-rows.js";

/** Weights unpacked at once, which bounds what a read holds beside its result. */
const chunkWeights = 2 ** 20;

/** A packed weight as a file lists it. */
export interface PackedListing {
  readonly pattern: PackedPattern;
  /** Path of the file. */
  readonly file: string;
}

interface PackedWeight {
  readonly values: string;
  readonly positions: string;
  readonly pattern: PackedPattern;
  /** `[out, in]`. */
  readonly shape: readonly [number, number];
}

/** A checkpoint some of whose weights are stored packed, read as if they were plain. See `docs/packed-format.md`. */
export class PackedCheckpoint implements Checkpoint {
  readonly config: Readonly<Record<string, unknown>>;
  readonly names: string[];
  readonly #files: SafetensorsCheckpoint;
  readonly #packed: ReadonlyMap<string, PackedWeight>;

  /**
   * Checks from the headers that every packed weight is there whole.
   *
   * @internal Use `openCheckpoint`.
   */
  constructor(
    files: SafetensorsCheckpoint,
    listed: ReadonlyMap<string, PackedListing>,
    config: Readonly<Record<string, unknown>>,
  ) {
    this.#files = files;
    this.config = config;
    this.#packed = new Map([...listed].map(([name, listing]) => [name, findWeight(files, name, listing)]));
    const positions = new Set([...this.#packed.values()].map((weight) => weight.positions));
    const byValues = new Map([...this.#packed].map(([name, { values }]) => [values, name]));
    this.names = files.names.filter((name) => !positions.has(name)).map((name) => byValues.get(name) ?? name);
  }

  get path(): string {
    return this.#files.path;
  }
  get configFile(): string {
    return this.#files.configFile;
  }

  generationConfig(): Promise<Readonly<Record<string, unknown>>> {
    return this.#files.generationConfig();
  }

  has(name: string): boolean {
    return this.#packed.has(name) || this.#files.has(name);
  }

  shape(name: string): readonly number[] {
    return this.#packed.get(name)?.shape ?? this.#files.shape(name);
  }

  dtype(name: string): StorageDType {
    return this.#files.dtype(this.#stored(name));
  }

  weightDType(name: string): WeightDType {
    return this.#files.weightDType(this.#stored(name));
  }

  fileOf(name: string): string {
    return this.#files.fileOf(this.#stored(name));
  }

  packing(name: string): PackedPattern | undefined {
    return this.#packed.get(name)?.pattern;
  }

  /** The tensor's bytes as they would be stored plain. */
  async read(
    name: string,
  ): Promise<{ dtype: StorageDType; shape: readonly number[]; bytes: Uint8Array<ArrayBuffer> }> {
    const weight = this.#packed.get(name);
    if (!weight) return this.#files.read(name);
    const values = await this.#rows(name, weight, 0, weight.shape[0], { allowNonFinite: true });
    const bytes = encodeWeights(this.weightDType(name), values) as Uint8Array<ArrayBuffer>;
    return { dtype: this.dtype(name), shape: weight.shape, bytes };
  }

  async prefetch(name: string, signal?: AbortSignal): Promise<void> {
    const weight = this.#packed.get(name);
    const stored = weight ? [weight.values, weight.positions] : [name];
    for (const tensor of stored) await this.#files.prefetch(tensor, signal);
  }

  async readFloat32(name: string, options?: ReadOptions): Promise<Float32Array<ArrayBuffer>> {
    const weight = this.#packed.get(name);
    if (!weight) return this.#files.readFloat32(name, options);
    return this.#rows(name, weight, 0, weight.shape[0], options);
  }

  async readRows(
    name: string,
    begin: number,
    end: number,
    options?: ReadOptions,
  ): Promise<Float32Array<ArrayBuffer>> {
    const weight = this.#packed.get(name);
    if (!weight) return this.#files.readRows(name, begin, end, options);
    checkRows(this.#where(name), weight.shape, begin, end);
    return this.#rows(name, weight, begin, end, options);
  }

  async readPacked(name: string, begin: number, end: number): Promise<PackedWeightRows> {
    const weight = this.#packed.get(name);
    const where = this.#where(name);
    if (!weight) throw new CheckpointError("PATTERN", `${where} is not stored packed; read its rows`);
    checkRows(where, weight.shape, begin, end);
    const bytes = await this.#files.readRowBytes(weight.values, begin, end);
    const blocks = positionRows(weight.pattern, begin, end);
    const positions = await this.#files.readRowBytes(weight.positions, ...blocks);
    decodePositions(positions, weight.shape[1], weight.pattern, { where, firstRow: begin });
    const offset = begin * keptColumns(weight.pattern, weight.shape[1]);
    const values = decodePackedValues(where, this.weightDType(name), bytes, offset);
    return { pattern: weight.pattern, values, positions };
  }

  openTokenizer(): Promise<Tokenizer> {
    return this.#files.openTokenizer();
  }
  companions(): AsyncIterable<CompanionFile> {
    return this.#files.companions();
  }
  close(): Promise<void> {
    return this.#files.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Name of the tensor in the file that holds the values. */
  #stored(name: string): string {
    return this.#packed.get(name)?.values ?? name;
  }

  #where(name: string): string {
    return `${this.fileOf(name)}: tensor "${shorten(name)}"`;
  }

  async #rows(
    name: string,
    { values, positions, pattern, shape: [, columns] }: PackedWeight,
    begin: number,
    end: number,
    options?: ReadOptions,
  ): Promise<Float32Array<ArrayBuffer>> {
    const where = this.#where(name);
    const dense = new Float32Array((end - begin) * columns);
    const step = Math.max(1, Math.floor(chunkWeights / columns));
    for (let row = begin; row < end; row += step) {
      const until = Math.min(end, row + step);
      const rows = {
        values: await this.#files.readRows(values, row, until, options),
        positions: await this.#files.readRowBytes(positions, ...positionRows(pattern, row, until)),
      };
      dense.set(unpackRows(rows, columns, pattern, { where, firstRow: row }), (row - begin) * columns);
    }
    return dense;
  }
}

/** The two tensors of a packed weight, with sizes that agree. */
function findWeight(
  files: SafetensorsCheckpoint,
  name: string,
  { pattern, file }: PackedListing,
): PackedWeight {
  const stored = packedNames(name);
  const of = `the packed weight "${shorten(name)}" (${formatPackedPattern(pattern)})`;
  if (files.has(name)) {
    throw new CheckpointError("DUPLICATE_TENSOR", `${files.fileOf(name)}: holds ${of} plain too`);
  }
  for (const part of Object.values(stored)) {
    if (files.has(part)) continue;
    throw new CheckpointError(
      "MISSING_TENSOR",
      `${file}: lists ${of}, but there is no tensor "${shorten(part)}"; fetch it again`,
    );
  }
  const [values, positions] = [files.shape(stored.values), files.shape(stored.positions)];
  files.weightDType(stored.values);
  const [rows = 0, kept = 0] = values;
  const columns = (kept / pattern.keep) * pattern.of;
  const wrong =
    values.length !== 2 || kept === 0 || kept % pattern.keep !== 0 || !Number.isSafeInteger(rows * columns);
  if (wrong) {
    throw new CheckpointError(
      "WRONG_SHAPE",
      `${files.fileOf(stored.values)}: tensor "${shorten(stored.values)}" is [${values}], ${of} needs [out, in · N / M]`,
    );
  }
  if (rows % blockRows(pattern) !== 0) {
    throw new CheckpointError(
      "WRONG_SHAPE",
      `${files.fileOf(stored.values)}: tensor "${shorten(stored.values)}" is [${values}], ${of} needs whole blocks of ${blockRows(pattern)} rows`,
    );
  }
  const asked = [rows / blockRows(pattern), positionColumns(pattern, columns)];
  const dtype = files.dtype(stored.positions);
  if (dtype !== "u8" || positions.length !== 2 || positions.some((size, axis) => size !== asked[axis])) {
    throw new CheckpointError(
      dtype === "u8" ? "WRONG_SHAPE" : "WRONG_DTYPE",
      `${files.fileOf(stored.positions)}: tensor "${shorten(stored.positions)}" is ${dtype} [${positions}], ${of} of [${rows}, ${columns}] needs u8 [${asked}]`,
    );
  }
  return { ...stored, pattern, shape: [rows, columns] };
}
