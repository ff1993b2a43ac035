import { copyFile, writeFile } from "node:fs/promises";
import { CheckpointWriter, type DecoderConfig, type WeightDType } from "@denoise-rotator/checkpoint";
import { eye, fromTyped, OptionError, type Tensor, tidy } from "@denoise-rotator/core";
import { OutputDirectory } from "@denoise-rotator/hub";
import { readFloats } from "../activations.js";
import type { LoadedBlock } from "../loaded-block.js";
import { loaderFile, loaderPath } from "../loader-file.js";
import { blockTensorNames } from "../tensor-layout.js";
import { loadTensor, type WeightSource } from "../weight-source.js";
import { type OutputForm, outputConfig, type SitePacking } from "./output-config.js";
import { folderInPlace, type OutputFolder } from "./output-folder.js";
import { planOutput } from "./output-plan.js";

export interface ModelOutputOptions {
  /** Replace what is there. */
  readonly force?: boolean | undefined;
  /** Default: each tensor as it is in the source. */
  readonly dtype?: WeightDType | undefined;
  /** Whether a block may have a residual basis and an output map; `shared`: all blocks have one basis, and no maps. */
  readonly rotated: ((index: number) => boolean) | "shared";
  /** The sites whose weights are stored packed. */
  readonly packed?: SitePacking | undefined;
  /** Most bytes of a file. */
  readonly maxShardBytes?: number | undefined;
  /** Of an output that is filled in place over several attempts: what earlier ones left. Takes `exit` over. */
  readonly kept?: { readonly written: readonly string[]; readonly exit: Tensor | undefined } | undefined;
}

/** Elements of embedding and head transformed at once. */
const chunkElements = 2 ** 20;

/**
 * Writes a changed model block by block; appears at its path with `finish`, or not at all.
 *
 * With residual bases R_l and output maps V_l: E·R_0 for the embedding, W_head·diag(g)·V_last·R_last for the head (final
 * gain g := 1), and before every block but the first the `[out, in]` weight R_lᵀ·B_l·V_{l−1}·R_{l−1}, B_l being the
 * change of basis of a source that was rotated before. Where all R_l are one, `shared`, nothing is left between blocks.
 */
export class ModelOutput implements AsyncDisposable {
  readonly #source: WeightSource;
  readonly #form: OutputForm;
  readonly #rotated: ModelOutputOptions["rotated"];
  readonly #directory: OutputFolder;
  readonly #writer: CheckpointWriter;
  readonly #config: Record<string, unknown>;
  /** V·R of the block written last; `undefined`: the identity. */
  #exit: Tensor | undefined;

  private constructor(
    source: WeightSource,
    form: OutputForm,
    rotated: ModelOutputOptions["rotated"],
    directory: OutputFolder,
    writer: CheckpointWriter,
    config: Record<string, unknown>,
    exit: Tensor | undefined,
  ) {
    this.#source = source;
    this.#form = form;
    this.#rotated = rotated;
    this.#directory = directory;
    this.#writer = writer;
    this.#config = config;
    this.#exit = exit;
  }

  static async create(source: WeightSource, path: string, options: ModelOutputOptions): Promise<ModelOutput> {
    const { force = false, dtype, maxShardBytes, packed, rotated, kept } = options;
    const planned = { ...outputForm(source.config, rotated, dtype), packed };
    const entries = planOutput(source, planned);
    const form = entries.some((entry) => entry.packed) ? planned : { ...planned, packed: undefined };
    const config = outputConfig(source.config, source.family, form);
    const directory = kept ? folderInPlace(path) : await OutputDirectory.create(path, { force });
    try {
      const writer = await CheckpointWriter.create(directory.workingPath, entries, {
        ...(maxShardBytes === undefined ? {} : { maxShardBytes }),
        ...(kept ? { written: kept.written } : {}),
      });
      return new ModelOutput(source, form, rotated, directory, writer, config, kept?.exit);
    } catch (error) {
      await directory.abort();
      throw error;
    }
  }

  /** Writes a block's present tensors; blocks come in order. Throws {@link OptionError} for an unplanned rotation. */
  async writeBlock(block: LoadedBlock): Promise<void> {
    const { family } = this.#source;
    const names = blockTensorNames(family, block.index);
    await this.#checkPlanned(block);
    if (block.index === 0) {
      await this.#writeRows(family.embedding, family.embedding, undefined, block.residualBasis);
    } else if (this.#form.rotated) {
      using boundary = this.#boundary(block);
      await this.#write(names.inputRotation, boundary);
    }
    await this.#write(names.attentionNorm, block.attentionNorm);
    for (const { name, weight, bias } of block.sites) {
      await this.#write(`${name}.weight`, weight);
      if (bias) await this.#write(`${name}.bias`, bias);
    }
    const { headNorms } = block;
    if (names.headNorms && headNorms) {
      await this.#write(names.headNorms.query, headNorms.query);
      await this.#write(names.headNorms.key, headNorms.key);
    }
    await this.#write(names.feedForwardNorm, block.feedForwardNorm);
    this.#exit?.dispose();
    this.#exit = exitOf(block);
  }

  /** V·R of the block written last; `undefined`: the identity. It stays the output's. */
  get exit(): Tensor | undefined {
    return this.#exit;
  }

  /** Names of the tensors that are whole. */
  get written(): string[] {
    return this.#writer.written;
  }

  /** Flushes what was written to the disk. */
  sync(): Promise<void> {
    return this.#writer.sync();
  }

  /** Writes what follows the blocks and puts the directory into place. */
  async finish(): Promise<void> {
    const { checkpoint, config, family } = this.#source;
    const { rotated, shared, tied, packed } = this.#form;
    using gain = await loadTensor(this.#source, family.finalNorm);
    if ((rotated || shared) && !tied) {
      const ones = new Float32Array(config.hiddenSize).fill(1);
      await this.#writer.write(family.finalNorm, ones);
      const head = config.tieWordEmbeddings ? family.embedding : family.head;
      await this.#writeRows(head, family.head, gain, this.#exit);
    } else {
      await this.#write(family.finalNorm, gain);
      if (!tied) await this.#writeRows(family.head, family.head);
    }
    await this.#writer.finish();
    await writeFile(this.#directory.path("config.json"), `${JSON.stringify(this.#config, null, 2)}\n`);
    if (rotated || packed) await copyFile(loaderPath, this.#directory.path(loaderFile));
    for await (const { name, bytes } of checkpoint.companions()) {
      await writeFile(this.#directory.path(name), bytes);
    }
    await this.#directory.commit();
  }

  /** Removes what was written, unless `finish` succeeded. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#exit?.dispose();
    this.#exit = undefined;
    await this.#writer.abort();
    await this.#directory.abort();
  }

  async #checkPlanned(block: LoadedBlock): Promise<void> {
    const { residualBasis, outputMap, name } = block;
    if (this.#rotated === "shared") {
      if (outputMap)
        throw new OptionError(`${name} has an output map, which shared bases leave no place for`);
      if (block.index > 0 && !(await sameBasis(residualBasis, this.#exit))) {
        throw new OptionError(
          `${name} has another residual basis than the block before: rotated is "shared"`,
        );
      }
    } else if ((residualBasis || outputMap) && !this.#rotated(block.index)) {
      const what = residualBasis ? "a residual basis" : "an output map";
      throw new OptionError(
        `${name} has ${what}: give calibrate rotated: true, its output needs tensors between blocks`,
      );
    }
  }

  async #write(name: string, x: Tensor): Promise<void> {
    await this.#writer.write(name, await readFloats(x));
  }

  /** Copies a matrix `[rows, hidden]` as W·diag(gain)·basis, some rows at a time. */
  async #writeRows(from: string, to: string, gain?: Tensor, basis?: Tensor): Promise<void> {
    const { checkpoint, device } = this.#source;
    const [rows, width] = checkpoint.shape(from) as [number, number];
    const step = Math.max(1, Math.floor(chunkElements / width));
    for (let begin = 0; begin < rows; begin += step) {
      const end = Math.min(rows, begin + step);
      const values = await checkpoint.readRows(from, begin, end);
      using turned = tidy(() => {
        const x = fromTyped(values, [end - begin, width], "f32", device);
        const scaled = gain ? x.mul(gain) : x;
        return basis ? scaled.matmul(basis) : scaled;
      });
      await this.#writer.writeRows(to, begin, await readFloats(turned));
    }
  }

  /** R_lᵀ·B_l·V_{l−1}·R_{l−1}, missing ones being the identity. */
  #boundary({ hiddenSize, device, inputRotation, residualBasis }: LoadedBlock): Tensor {
    return tidy(() => {
      let product = eye(hiddenSize, { backend: device });
      if (residualBasis) product = product.matmul(residualBasis.transpose());
      if (inputRotation) product = product.matmul(inputRotation);
      return this.#exit ? product.matmul(this.#exit) : product;
    });
  }
}

/** Ends that may turn untie the embedding: what enters the first block and what leaves the last are no longer alike. */
function outputForm(
  { rotated: wasRotated, tieWordEmbeddings, layerCount }: DecoderConfig,
  rotated: ModelOutputOptions["rotated"],
  dtype: WeightDType | undefined,
): OutputForm {
  if (rotated === "shared") {
    if (!wasRotated) return { rotated: false, shared: true, tied: false, dtype };
    throw new OptionError("the model was rotated block by block before: it cannot share one rotation now");
  }
  const turns = Array.from({ length: layerCount }, (_, index) => rotated(index));
  const tied = tieWordEmbeddings && !turns[0] && !turns.at(-1);
  return { rotated: wasRotated || turns.includes(true), shared: false, tied, dtype };
}

async function sameBasis(a: Tensor | undefined, b: Tensor | undefined): Promise<boolean> {
  if (!a || !b) return a === b;
  const [first, second] = [await readFloats(a), await readFloats(b)];
  return first.every((value, i) => value === second[i]);
}

function exitOf({ residualBasis: R, outputMap: V }: LoadedBlock): Tensor | undefined {
  if (V && R) return V.matmul(R);
  return (V ?? R)?.alias();
}
