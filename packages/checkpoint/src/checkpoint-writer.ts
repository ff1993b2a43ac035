import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { atomicWriteFile } from "@denoise-rotator/hub";
import { CheckpointError } from "./errors.js";
import { type CheckpointEntry, encodePacked, storedEntries } from "./packed/packed-entries.js";
import { packedMetadata } from "./packed/packed-metadata.js";
import { packedNames } from "./packed/packed-names.js";
import { positionRow } from "./packed/packed-pattern.js";
import { entryBytes, type WriteEntry } from "./safetensors-layout.js";
import { createSafetensors, type SafetensorsWriter } from "./safetensors-writer.js";
import { indexFile, singleFile } from "./shard-index.js";
import { missingTensor } from "./suggest.js";

export interface CheckpointWriterOptions {
  /** Most bytes of tensors in one file; a tensor larger than that has a file of its own. Default 5 · 10⁹. */
  maxShardBytes?: number;
  /** Added to every file's `__metadata__`, where `format` is `"pt"`. */
  metadata?: Readonly<Record<string, string>>;
  /**
   * Tensors that an earlier writer of the same entries wrote into `directory`, and flushed by `sync`, before it was given up.
   * With it, empty at first, what is given up stays for the next one.
   */
  written?: readonly string[];
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
  /** By the name of the weight, of those that are stored packed. */
  readonly #packed: ReadonlyMap<string, CheckpointEntry>;
  readonly #fileOf = new Map<string, string>();
  readonly #writers = new Map<string, Promise<SafetensorsWriter>>();
  readonly #finished = new Set<string>();
  /** Tensors that are whole. */
  readonly #written: Set<string>;
  readonly #kept: boolean;
  #open = true;

  private constructor(
    directory: string,
    layout: CheckpointLayout,
    metadata: Readonly<Record<string, string>>,
    packed: ReadonlyMap<string, CheckpointEntry>,
    written: readonly string[] | undefined,
  ) {
    this.directory = directory;
    this.layout = layout;
    this.#metadata = metadata;
    this.#packed = packed;
    this.#written = new Set(written);
    this.#kept = written !== undefined;
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
    entries: readonly CheckpointEntry[],
    options: CheckpointWriterOptions = {},
  ): Promise<CheckpointWriter> {
    const stored = entries.flatMap((entry) => storedEntries(directory, entry));
    const layout = nameShards(planShards(stored, options.maxShardBytes));
    const packed = new Map(entries.flatMap((entry) => (entry.packed ? [[entry.name, entry]] : [])));
    const patterns = new Map([...packed].map(([name, entry]) => [name, entry.packed!]));
    const described = packed.size > 0 ? packedMetadata(patterns) : {};
    const metadata = { ...options.metadata, ...described, format: "pt" };
    const writer = new CheckpointWriter(directory, layout, metadata, packed, options.written);
    await writer.#findFinished();
    return writer;
  }

  /** Names of the tensors that are whole, as `written` of the next writer takes them once `sync` has resolved. */
  get written(): string[] {
    return [...this.#written];
  }

  /** Flushes what was written so far to the disk. */
  async sync(): Promise<void> {
    for (const [file, writer] of this.#writers) if (!this.#finished.has(file)) await (await writer).sync();
  }

  /** Writes a whole tensor, as `SafetensorsWriter.write` does; a packed weight by its values `[out, in]`. */
  async write(name: string, data: Float32Array | Uint8Array): Promise<void> {
    const packed = this.#packed.get(name);
    if (packed) return this.#writePacked(packed, 0, data);
    const writer = await this.#writer(name);
    await writer.write(name, data);
    this.#written.add(name);
    await this.#finishIfComplete(name, writer);
  }

  /** Writes rows from row `begin` on, in order, as `SafetensorsWriter.writeRows` does. */
  async writeRows(name: string, begin: number, data: Float32Array | Uint8Array): Promise<void> {
    const packed = this.#packed.get(name);
    if (packed) return this.#writePacked(packed, begin, data);
    const writer = await this.#writer(name);
    await writer.writeRows(name, begin, data);
    if (writer.has(name)) this.#written.add(name);
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

  /** Removes every file written, unless `written` was given. After `finish`, or a second time, it does nothing. */
  async abort(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    for (const writer of this.#writers.values()) await (await writer.catch(() => undefined))?.abort();
    if (this.#kept) return;
    for (const file of this.#finished) await rm(join(this.directory, file), { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.abort();
  }

  async #writePacked(entry: CheckpointEntry, begin: number, data: Float32Array | Uint8Array): Promise<void> {
    const where = join(this.directory, this.#fileOf.get(packedNames(entry.name).values)!);
    if (!(data instanceof Float32Array)) {
      throw new CheckpointError(
        "WRONG_DTYPE",
        `${where}: tensor "${entry.name}" is packed here; give its values, not bytes`,
      );
    }
    const names = packedNames(entry.name);
    const { values, positions } = encodePacked(where, entry, data, begin * entry.shape[1]!);
    await this.writeRows(names.values, begin, values);
    await this.writeRows(names.positions, positionRow(entry.packed!, begin), positions);
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
    const writer = createSafetensors(join(this.directory, file), entries, {
      metadata: this.#metadata,
      ...(this.#kept ? { written: this.#written } : {}),
    });
    this.#writers.set(file, writer);
    return writer;
  }

  /** Files that an earlier writer completed and put into place. */
  async #findFinished(): Promise<void> {
    if (!this.#kept) return;
    for (const [file, entries] of this.layout) {
      if (!entries.every(({ name }) => this.#written.has(name))) continue;
      const there = await stat(join(this.directory, file)).catch(() => undefined);
      if (there) this.#finished.add(file);
    }
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
