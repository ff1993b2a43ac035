import type { Checkpoint, DecoderConfig, Tokenizer } from "@denoise-rotator/checkpoint";
import type {
  ContinuationRequest,
  ContinuationScore,
  LanguageModel,
  LogLikelihoodOptions,
} from "@denoise-rotator/contracts";
import { type Backend, breathe, OptionError, type Tensor, tidy } from "@denoise-rotator/core";
import { ActivationStorage, type ActivationStorageOptions } from "./activation-storage.js";
import { Activations, defaultBatchWindows } from "./activations.js";
import { scoreContinuations } from "./continuations/score-continuations.js";
import { gatherRows } from "./embedding.js";
import type { DecoderFamily } from "./families/family.js";
import { ForwardBlock } from "./forward-block.js";
import { LanguageHead } from "./language-head.js";
import { type LoadBlockOptions, loadBlock } from "./load-block.js";
import type { LoadedBlock } from "./loaded-block.js";
import { ReadAhead } from "./read-ahead.js";
import { blockTensors } from "./tensor-layout.js";
import type { WeightSource } from "./weight-source.js";
import { checkWindows } from "./windows.js";

/**
 * A causal language model on disk. Nothing stays on the device between calls; while one runs, the weights of one block
 * are there at a time.
 */
export class Model implements LanguageModel, WeightSource, AsyncDisposable {
  /** Path it was opened from. */
  readonly name: string;
  readonly config: DecoderConfig;
  readonly family: DecoderFamily;
  readonly checkpoint: Checkpoint;
  readonly device: Backend;
  readonly sparse: boolean;
  #activationStorage: ActivationStorage;
  readonly #activationBatch: number | undefined;
  #tokenizer: Promise<Tokenizer> | undefined;

  /** @internal Use `openModel`. */
  constructor(
    source: WeightSource,
    activationStorage: ActivationStorage,
    activationBatch: number | undefined,
  ) {
    this.name = source.checkpoint.path;
    this.config = source.config;
    this.family = source.family;
    this.checkpoint = source.checkpoint;
    this.device = source.device;
    this.sparse = source.sparse;
    this.#activationStorage = activationStorage;
    this.#activationBatch = activationBatch;
  }

  /** Where activations are kept between blocks. */
  get activationStorage(): ActivationStorage {
    return this.#activationStorage;
  }

  /** Keeps activations otherwise from now on; those there are must have been disposed of. */
  keepActivations(options: ActivationStorageOptions): void {
    this.#activationStorage.dispose();
    this.#activationStorage = new ActivationStorage(options);
  }

  /** Windows of `length` tokens that go through a block at once. */
  batchWindows(length: number): number {
    return this.#activationBatch ?? defaultBatchWindows(length);
  }

  get vocabularySize(): number {
    return this.config.vocabularySize;
  }
  get contextLength(): number {
    return this.config.maxPositionEmbeddings;
  }

  /** Read when first asked for; rejects where there is none. */
  get tokenizer(): Promise<Tokenizer> {
    this.#tokenizer ??= this.checkpoint.openTokenizer();
    return this.#tokenizer;
  }

  /** Embedding rows `[ids, hidden]`. */
  embed(ids: Int32Array): Promise<Float32Array> {
    return gatherRows(this.checkpoint, this.family.embedding, ids);
  }

  /** What the first block reads for windows of one length. Throws `OptionError` naming a window that does not fit. */
  async embedWindows(windows: readonly Int32Array[]): Promise<Activations> {
    checkWindows(windows, this);
    const shape = {
      count: windows.length,
      length: windows[0]!.length,
      width: this.config.hiddenSize,
      batchWindows: this.#activationBatch,
    };
    const activations = new Activations(shape, this.activationStorage);
    const size = activations.batchWindows;
    for (let first = 0; first < windows.length; first += size) {
      const batch = windows.slice(first, first + size);
      const ids = new Int32Array(batch.length * activations.length);
      batch.forEach((window, i) => {
        ids.set(window, i * activations.length);
      });
      const values = await this.embed(ids);
      activations.replace(first / size, values, this.family.embedding);
    }
    return activations;
  }

  /**
   * Activations that `save` wrote, in the same batches.
   *
   * @throws {CheckpointError} or {HubError} naming the file; OptionError where they are of another hidden size.
   */
  async loadActivations(path: string): Promise<Activations> {
    const activations = await Activations.load(path, this.activationStorage);
    if (activations.width === this.config.hiddenSize) return activations;
    activations.dispose();
    throw new OptionError(
      `${path}: activations of width ${activations.width}, ${this.name} has ${this.config.hiddenSize}`,
    );
  }

  /** Block `index` with its weights on the device; the caller disposes. */
  loadBlock(index: number, options?: LoadBlockOptions): Promise<LoadedBlock> {
    return loadBlock(this, index, options);
  }

  /** Block `index` to compute with; the caller disposes. */
  loadForward(index: number): Promise<ForwardBlock> {
    return ForwardBlock.load(this, index);
  }

  /** Names of what is read after block `index`: the next block, after the last one the head. */
  tensorsAfter(index: number): string[] {
    const { config, family } = this;
    if (index + 1 < config.layerCount) {
      return blockTensors(config, family, index + 1).map(({ name }) => name);
    }
    return [family.finalNorm, config.tieWordEmbeddings ? family.embedding : family.head];
  }

  /**
   * Hidden states of windows as they leave each block, in order. They are overwritten when the next is asked for.
   */
  async *hiddenStates(
    windows: readonly Int32Array[],
    options: LogLikelihoodOptions = {},
  ): AsyncGenerator<Activations> {
    const activations = await this.embedWindows(windows);
    await using ahead = new ReadAhead(this.checkpoint);
    const { layerCount } = this.config;
    for (let index = 0; index < layerCount; index++) {
      options.signal?.throwIfAborted();
      {
        using block = await this.loadForward(index);
        ahead.start(this.tensorsAfter(index));
        await block.run(activations, options.signal);
      }
      options.onProgress?.(index + 1, layerCount);
      yield activations;
    }
  }

  async *logLikelihoods(
    windows: readonly Int32Array[],
    options: LogLikelihoodOptions = {},
  ): AsyncGenerator<Float32Array> {
    using last = await this.#lastStates(windows, options);
    using head = await LanguageHead.load(this);
    for (const [index, window] of windows.entries()) {
      options.signal?.throwIfAborted();
      yield await head.logLikelihoods(last, index, window);
      await breathe();
    }
  }

  scoreContinuations(
    requests: readonly ContinuationRequest[],
    options: LogLikelihoodOptions = {},
  ): Promise<ContinuationScore[]> {
    return scoreContinuations(this, requests, options);
  }

  /**
   * Mean over tokens of KL(p‖q) in nats, for each of `others`: p from the last block's outputs `reference`, q from theirs.
   *
   * @throws NonFiniteError where one is NaN or infinite.
   */
  async divergences(reference: Activations, others: readonly Activations[]): Promise<number[]> {
    using head = await LanguageHead.load(this);
    const result: number[] = [];
    for (const other of others) result.push(await head.divergence(reference, other));
    return result;
  }

  /** Logits `[windows, tokens, vocabulary]`, all at once: for small inputs. The caller disposes. */
  async logits(windows: readonly Int32Array[]): Promise<Tensor> {
    using last = await this.#lastStates(windows);
    using head = await LanguageHead.load(this);
    using hidden = last.uploadWindows(this.device);
    return tidy(() =>
      head
        .logits(hidden.reshape([last.tokens, last.width]))
        .reshape([last.count, last.length, this.vocabularySize]),
    );
  }

  /** Closes the checkpoint's files and gives up what activations it holds. The device stays the caller's. */
  async dispose(): Promise<void> {
    this.activationStorage.dispose();
    await this.checkpoint.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #lastStates(windows: readonly Int32Array[], options?: LogLikelihoodOptions): Promise<Activations> {
    let last: Activations | undefined;
    for await (const states of this.hiddenStates(windows, options)) last = states;
    return last!;
  }
}
