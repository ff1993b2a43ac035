import { join } from "node:path";
import type { Checkpoint, CompanionFile } from "./checkpoint.js";
import { isWeightDType, type StorageDType, type WeightDType } from "./dtypes.js";
import { CheckpointError } from "./errors.js";
import { type OpenSource, openIfPresent, readJsonObject } from "./json-file.js";
import { limits } from "./limits.js";
import type { SafetensorsHeader, TensorInfo } from "./safetensors-header.js";
import { type ReadOptions, SafetensorsFile } from "./safetensors-reader.js";
import { missingTensor } from "./suggest.js";
import { openTokenizer, type Tokenizer } from "./tokenizer.js";

/** Files beside the weights that belong to a model. */
export const companionFiles: readonly string[] = [
  ...["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"],
  ...["vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "generation_config.json"],
  ...["LICENSE", "LICENSE.txt", "NOTICE", "USE_POLICY.md"],
];

/** The tensors of a checkpoint directory, read by ranges from whichever shard holds them. See `openCheckpoint`. */
export class SafetensorsCheckpoint implements Checkpoint {
  readonly path: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly #shardOf: ReadonlyMap<string, string>;
  readonly #headers: ReadonlyMap<string, SafetensorsHeader>;
  readonly #openSource: OpenSource;
  readonly #files = new Map<string, Promise<SafetensorsFile>>();
  #closed = false;

  /** @internal Use `openCheckpoint`. */
  constructor(
    path: string,
    config: Readonly<Record<string, unknown>>,
    shardOf: ReadonlyMap<string, string>,
    headers: ReadonlyMap<string, SafetensorsHeader>,
    openSource: OpenSource,
  ) {
    this.path = path;
    this.config = config;
    this.#shardOf = shardOf;
    this.#headers = headers;
    this.#openSource = openSource;
  }

  get configFile(): string {
    return join(this.path, "config.json");
  }

  get names(): string[] {
    return [...this.#shardOf.keys()];
  }

  has(name: string): boolean {
    return this.#shardOf.has(name);
  }

  shape(name: string): readonly number[] {
    return this.#info(name).shape;
  }

  dtype(name: string): StorageDType {
    return this.#info(name).dtype;
  }

  weightDType(name: string): WeightDType {
    const dtype = this.dtype(name);
    if (isWeightDType(dtype)) return dtype;
    throw new CheckpointError(
      "WRONG_DTYPE",
      `${this.fileOf(name)}: tensor "${name}" is ${dtype}, weights must be f32, f16 or bf16`,
    );
  }

  fileOf(name: string): string {
    return join(this.path, this.#shard(name));
  }

  async read(
    name: string,
  ): Promise<{ dtype: StorageDType; shape: readonly number[]; bytes: Uint8Array<ArrayBuffer> }> {
    return (await this.#file(name)).read(name);
  }

  async prefetch(name: string, signal?: AbortSignal): Promise<void> {
    await (await this.#file(name)).prefetch(name, signal);
  }

  async readFloat32(name: string, options?: ReadOptions): Promise<Float32Array<ArrayBuffer>> {
    return (await this.#file(name)).readFloat32(name, options);
  }

  async readRows(
    name: string,
    begin: number,
    end: number,
    options?: ReadOptions,
  ): Promise<Float32Array<ArrayBuffer>> {
    return (await this.#file(name)).readRows(name, begin, end, options);
  }

  /** The bytes of rows `[begin, end)` as they are stored. */
  async readRowBytes(name: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#file(name)).readRowBytes(name, begin, end);
  }

  openTokenizer(): Promise<Tokenizer> {
    return openTokenizer(this.path, this.#openSource);
  }

  async generationConfig(): Promise<Readonly<Record<string, unknown>>> {
    const source = await openIfPresent(this.path, "generation_config.json", this.#openSource);
    return source ? readJsonObject(source, limits.configBytes) : {};
  }

  async *companions(): AsyncGenerator<CompanionFile> {
    for (const name of companionFiles) {
      const source = await openIfPresent(this.path, name, this.#openSource);
      if (!source) continue;
      try {
        const size = await source.size();
        if (size > limits.companionBytes) {
          throw new CheckpointError(
            "LIMIT",
            `${source.name}: ${size} bytes, the limit is ${limits.companionBytes}`,
          );
        }
        yield { name, bytes: await source.read(0, size) };
      } finally {
        await source.close();
      }
    }
  }

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
    if (shard === undefined) throw missingTensor(this.path, name, this.#shardOf.keys());
    return shard;
  }

  #info(name: string): TensorInfo {
    return this.#headers.get(this.#shard(name))!.tensors.get(name)!;
  }

  async #file(name: string): Promise<SafetensorsFile> {
    const shard = this.#shard(name);
    if (this.#closed) throw new CheckpointError("CLOSED", `${this.path}: the checkpoint is already closed`);
    let file = this.#files.get(shard);
    if (!file) {
      file = this.#openSource(join(this.path, shard)).then(
        (source) => new SafetensorsFile(source, this.#headers.get(shard)!),
      );
      this.#files.set(shard, file);
    }
    return file;
  }
}
