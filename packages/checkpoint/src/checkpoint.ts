import { join } from "node:path";
import type { StorageDType } from "./dtypes.js";
import { CheckpointError } from "./errors.js";
import type { OpenSource } from "./json-file.js";
import type { SafetensorsHeader, TensorInfo } from "./safetensors-header.js";
import { type ReadOptions, SafetensorsFile } from "./safetensors-reader.js";
import { missingTensor } from "./suggest.js";

/** The tensors of a checkpoint directory, read by ranges from whichever shard holds them. See `openCheckpoint`. */
export class Checkpoint implements AsyncDisposable {
  readonly directory: string;
  /** `config.json` as it is; `parseDecoderConfig` checks and names its values. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly #shardOf: ReadonlyMap<string, string>;
  readonly #headers: ReadonlyMap<string, SafetensorsHeader>;
  readonly #openSource: OpenSource;
  readonly #files = new Map<string, Promise<SafetensorsFile>>();
  #closed = false;

  /** @internal Use `openCheckpoint`. */
  constructor(
    directory: string,
    config: Readonly<Record<string, unknown>>,
    shardOf: ReadonlyMap<string, string>,
    headers: ReadonlyMap<string, SafetensorsHeader>,
    openSource: OpenSource,
  ) {
    this.directory = directory;
    this.config = config;
    this.#shardOf = shardOf;
    this.#headers = headers;
    this.#openSource = openSource;
  }

  /** The tensors' names, in the order of the index or of the file. */
  get names(): string[] {
    return [...this.#shardOf.keys()];
  }

  has(name: string): boolean {
    return this.#shardOf.has(name);
  }

  shape(name: string): readonly number[] {
    return this.#info(name).shape;
  }

  /** The dtype it is stored in. */
  dtype(name: string): StorageDType {
    return this.#info(name).dtype;
  }

  /** Path of the file that holds the tensor, for messages. */
  fileOf(name: string): string {
    return join(this.directory, this.#shard(name));
  }

  /** The tensor's bytes as they are stored. */
  async read(
    name: string,
  ): Promise<{ dtype: StorageDType; shape: readonly number[]; bytes: Uint8Array<ArrayBuffer> }> {
    return (await this.#file(name)).read(name);
  }

  /** All values of an f32, f16 or bf16 tensor, row-major; NaN and infinity are errors. */
  async readFloat32(name: string, options?: ReadOptions): Promise<Float32Array<ArrayBuffer>> {
    return (await this.#file(name)).readFloat32(name, options);
  }

  /** Rows `[begin, end)` of a matrix, row-major; only their bytes are read. */
  async readRows(
    name: string,
    begin: number,
    end: number,
    options?: ReadOptions,
  ): Promise<Float32Array<ArrayBuffer>> {
    return (await this.#file(name)).readRows(name, begin, end, options);
  }

  /** Closes the shards that were opened. */
  async close(): Promise<void> {
    this.#closed = true;
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const file of files) await (await file.catch(() => undefined))?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #shard(name: string): string {
    const shard = this.#shardOf.get(name);
    if (shard === undefined) throw missingTensor(this.directory, name, this.#shardOf.keys());
    return shard;
  }

  #info(name: string): TensorInfo {
    return this.#headers.get(this.#shard(name))!.tensors.get(name)!;
  }

  async #file(name: string): Promise<SafetensorsFile> {
    const shard = this.#shard(name);
    if (this.#closed)
      throw new CheckpointError("CLOSED", `${this.directory}: the checkpoint is already closed`);
    let file = this.#files.get(shard);
    if (!file) {
      file = this.#openSource(join(this.directory, shard)).then(
        (source) => new SafetensorsFile(source, this.#headers.get(shard)!),
      );
      this.#files.set(shard, file);
    }
    return file;
  }
}
