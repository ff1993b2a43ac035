import { openCheckpoint, parseDecoderConfig } from "@denoise-rotator/checkpoint";
import type { Backend } from "@denoise-rotator/core";
import { ActivationStorage, type ActivationStorageOptions } from "./activation-storage.js";
import type { DecoderFamily } from "./families/family.js";
import { families as knownFamilies } from "./families/registry.js";
import { Model } from "./model.js";
import { checkTensors } from "./tensor-layout.js";

export interface OpenModelOptions {
  /** Where blocks are computed. */
  readonly device: Backend;
  /** Windows that go through a block at once; default as many as make 2048 tokens, at least one. */
  readonly activationBatch?: number;
  /** Where activations are kept between blocks; default in memory. */
  readonly activations?: ActivationStorageOptions;
  /**
   * Whether forward passes keep weights that are 2:4, stored packed or not, as what they keep: half the memory, and faster
   * where the device has kernels for it. Default: where it has.
   */
  readonly sparse?: boolean;
  /** Families to look for; default those of this package. */
  readonly families?: readonly DecoderFamily[];
}

/**
 * Opens a checkpoint: a directory in the Hugging Face layout, or a GGUF file. Headers and configuration are read and
 * checked against each other; weights are read when they are needed.
 *
 * @throws {CheckpointError} naming file and tensor or key.
 */
export async function openModel(path: string, options: OpenModelOptions): Promise<Model> {
  const checkpoint = await openCheckpoint(path);
  try {
    const { families = knownFamilies, device, activationBatch } = options;
    const { sparse = device.arrangeSparse24 !== undefined } = options;
    const config = parseDecoderConfig(checkpoint.config, families, checkpoint.configFile);
    const family = families.find(({ modelType }) => modelType === config.modelType)!;
    checkTensors(checkpoint, config, family);
    const storage = new ActivationStorage(options.activations);
    return new Model({ checkpoint, config, family, device, sparse }, storage, activationBatch);
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}
