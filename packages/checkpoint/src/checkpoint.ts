import type { WeightDType } from "./dtypes.js";
import type { PackedPattern } from "./packed/packed-pattern.js";
import type { PackedWeightRows } from "./packed/packed-values.js";
import type { ReadOptions } from "./safetensors-reader.js";
import type { Tokenizer } from "./tokenizer.js";

/** A file that belongs to a model beside its weights and `config.json`. */
export interface CompanionFile {
  /** Name as in a Hugging Face directory, e.g. `tokenizer.json`. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * A model on disk: its configuration, tokenizer, and tensors under the names that Hugging Face gives them, read by ranges
 * when asked for. A directory of safetensors or one GGUF file, see `openCheckpoint`.
 */
export interface Checkpoint extends AsyncDisposable {
  /** What it was opened from: a directory or a file. */
  readonly path: string;
  /** The JSON of `config.json`, in the dialect of transformers; `parseDecoderConfig` checks and names its values. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What messages about `config` call its file. */
  readonly configFile: string;
  /** The tensors' names, in the order of the index or of the file. */
  readonly names: string[];

  has(name: string): boolean;

  /** Sizes of its axes; matrices are `[out, in]`. */
  shape(name: string): readonly number[];

  /** What it is stored as, in lower case: `bf16`, `i64`, in a GGUF file also `q4_k` and the like. */
  dtype(name: string): string;

  /**
   * The dtype to store its values as when they are written again: the stored one; bf16 where the file holds them
   * quantised in blocks. Tensors that hold no weights are errors.
   */
  weightDType(name: string): WeightDType;

  /** Path of the file that holds the tensor, for messages. */
  fileOf(name: string): string;

  /** The tensor's bytes as they are stored. */
  read(name: string): Promise<{ dtype: string; shape: readonly number[]; bytes: Uint8Array<ArrayBuffer> }>;

  /**
   * Has the system read the bytes of a tensor into its cache of files, so that reading it later does not wait for the disk.
   * Holds a few megabytes while it runs. Rejects when `signal` aborts or the checkpoint is closed.
   */
  prefetch?(name: string, signal?: AbortSignal): Promise<void>;

  /** All values of a tensor of weights, row-major; NaN and infinity are errors. */
  readFloat32(name: string, options?: ReadOptions): Promise<Float32Array<ArrayBuffer>>;

  /** Rows `[begin, end)` of a matrix, row-major; only their bytes are read. */
  readRows(
    name: string,
    begin: number,
    end: number,
    options?: ReadOptions,
  ): Promise<Float32Array<ArrayBuffer>>;

  /** The pattern that a weight is stored packed by, if it is. */
  packing?(name: string): PackedPattern | undefined;

  /**
   * Rows `[begin, end)` of a weight that is stored packed, checked; values are f32, or where they are stored as bf16 its
   * bits. Where rows share their positions, those are from the block of `begin` to that of the last row. Where `packing` is
   * there, so is this.
   */
  readPacked?(name: string, begin: number, end: number): Promise<PackedWeightRows>;

  /** The model's tokenizer; rejects where there is none. */
  openTokenizer(): Promise<Tokenizer>;

  /** The JSON of `generation_config.json`; empty where there is none. */
  generationConfig(): Promise<Readonly<Record<string, unknown>>>;

  /** Tokenizer, chat template, licence: what a copy of the model should have beside its weights. */
  companions(): AsyncIterable<CompanionFile>;

  /** Closes the files that were opened. */
  close(): Promise<void>;
}
