import { rm } from "node:fs/promises";
import { join } from "node:path";
import { atomicWriteFile } from "@denoise-rotator/hub";
import { CheckpointError } from "./errors.js";
import { entryBytes, type WriteEntry } from "./safetensors-layout.js";
import { createSafetensors, type SafetensorsWriter } from "./safetensors-writer.js";
import { indexFile, singleFile } from "./shard-index.js";
import { missingTensor } from "./suggest.js";

export interface CheckpointWriterOptions {
  /** Most bytes of tensors in one file; a tensor larger than that has a file of its own. Default 5 · 10⁹. */
  maxShardBytes?: number;
  /** Added to every file's `__metadata__`, where `format` is `"pt"`. */
  metadata?: Readonly<Record<string, string>>;
}

/** Entries by file name, in the order of the files. */
export type CheckpointLayout = ReadonlyMap<string, readonly WriteEntry[]>;

const defaultShardBytes = 5e9;

/** Fills shards one after another in the order given, each with at most `maxShardBytes` bytes, but at least one tensor. */
export function planShards(
  entries: readonly WriteEntry[],
  maxShardBytes = defaultShardBytes,
): WriteEntry[][] {
  if (!(maxShardBytes > 0)) {
    throw new CheckpointError(
      "LIMIT",
      `maxShardBytes is ${maxShardBytes}, it must be a positive number of bytes`,
    );
  }
  const shards: WriteEntry[][] = [[]];
  let filled = 0;
  for (const entry of entries) {
    const bytes = entryBytes("checkpoint", entry);
    if (filled + bytes > maxShardBytes && shards.at(-1)!.length > 0) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(entry);
    filled += bytes;
  }
  return shards;
}

/** `model.safetensors`, or `model-00001-of-00003.safetensors` and so on. */
function nameShards(shards: readonly WriteEntry[][]): CheckpointLayout {
  const digits = (n: number) => String(n).padStart(5, "0");
  if (shards.length === 1) return new Map([[singleFile, shards[0]!]]);
  return new Map(shards.map((s, i) => [`model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`, s]));
}

/**
 * Writes the tensors of a checkpoint in any order, into one file or into shards with an index, as Hugging Face lays
 * them out. A shard is opened at its first tensor and closed at its last. `config.json` is the caller's to write.
 */
export class CheckpointWriter implements AsyncDisposable {
  readonly directory: string;
  /** Which file holds which tensors. */
  readonly layout: CheckpointLayout;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #fileOf = new Map<string, string>();
  readonly #writers = new Map<string, Promise<SafetensorsWriter>>();
  readonly #finished = new Set<string>();
  #open = true;

  private constructor(
    directory: string,
    layout: CheckpointLayout,
    metadata: Readonly<Record<string, string>>,
  ) {
    this.directory = directory;
    this.layout = layout;
    this.#metadata = metadata;
    for (const [file, entries] of layout) {
      for (const { name } of entries) {
        if (this.#fileOf.has(name)) {
          throw new CheckpointError("DUPLICATE_TENSOR", `${directory}: two tensors are called "${name}"`);
        }
        this.#fileOf.set(name, file);
      }
    }
  }

  /** Plans the files; `directory` exists already (of an `OutputDirectory`, its `workingPath`). */
  static async create(
    directory: string,
    entries: readonly WriteEntry[],
    options: CheckpointWriterOptions = {},
  ): Promise<CheckpointWriter> {
    const layout = nameShards(planShards(entries, options.maxShardBytes));
    return new CheckpointWriter(directory, layout, { ...options.metadata, format: "pt" });
  }

  /** Writes a whole tensor, as `SafetensorsWriter.write` does. */
  async write(name: string, data: Float32Array | Uint8Array): Promise<void> {
    const writer = await this.#writer(name);
    await writer.write(name, data);
    await this.#finishIfComplete(name, writer);
  }

  /** Writes rows from row `begin` on, in order, as `SafetensorsWriter.writeRows` does. */
  async writeRows(name: string, begin: number, values: Float32Array): Promise<void> {
    const writer = await this.#writer(name);
    await writer.writeRows(name, begin, values);
    await this.#finishIfComplete(name, writer);
  }

  /** Closes the files and writes the index, if there are several. A tensor that was not written is an error. */
  async finish(): Promise<void> {
    for (const [file, entries] of this.layout) {
      if (this.#finished.has(file)) continue;
      const writer = await (this.#writers.get(file) ?? this.#start(file, entries));
      await writer.finish();
      this.#finished.add(file);
    }
    if (this.layout.size > 1) await atomicWriteFile(join(this.directory, indexFile), this.#index());
    this.#open = false;
  }

  /** Removes every file written. After `finish`, or a second time, it does nothing. */
  async abort(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    for (const writer of this.#writers.values()) await (await writer.catch(() => undefined))?.abort();
    for (const file of this.#finished) await rm(join(this.directory, file), { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.abort();
  }

  async #writer(name: string): Promise<SafetensorsWriter> {
    const file = this.#fileOf.get(name);
    if (file === undefined) throw missingTensor(`${this.directory}: its layout`, name, this.#fileOf.keys());
    if (!this.#open)
      throw new CheckpointError("CLOSED", `${this.directory}: the checkpoint is finished already`);
    if (this.#finished.has(file)) {
      throw new CheckpointError(
        "DUPLICATE_TENSOR",
        `${this.directory}: tensor "${name}" was written already`,
      );
    }
    return this.#writers.get(file) ?? this.#start(file, this.layout.get(file)!);
  }

  #start(file: string, entries: readonly WriteEntry[]): Promise<SafetensorsWriter> {
    const writer = createSafetensors(join(this.directory, file), entries, { metadata: this.#metadata });
    this.#writers.set(file, writer);
    return writer;
  }

  async #finishIfComplete(name: string, writer: SafetensorsWriter): Promise<void> {
    const file = this.#fileOf.get(name)!;
    if (!writer.complete || this.#finished.has(file)) return;
    this.#finished.add(file);
    await writer.finish();
  }

  #index(): string {
    let total = 0;
    for (const entries of this.layout.values())
      for (const e of entries) total += entryBytes(this.directory, e);
    const names = [...this.#fileOf].sort(([a], [b]) => (a < b ? -1 : 1));
    const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(names) };
    return `${JSON.stringify(index, null, 2)}\n`;
  }
}
