import { join } from "node:path";
import { openCheckpoint, parseLlamaConfig } from "@denoise-rotator/checkpoint";
import type { Backend } from "@denoise-rotator/core";
import { familyOf } from "./families/registry.js";
import { Model } from "./model.js";
import { checkTensors } from "./tensor-layout.js";

export interface OpenModelOptions {
  /** Where blocks are computed. */
  readonly device: Backend;
  /** Windows that go through a block at once; default as many as make 2048 tokens, at least one. */
  readonly activationBatch?: number;
}

/**
 * Opens a checkpoint directory in the Hugging Face layout. Headers and `config.json` are read and checked against each
 * other; weights are read when they are needed.
 *
 * @throws {CheckpointError} naming file and tensor or key.
 */
export async function openModel(directory: string, options: OpenModelOptions): Promise<Model> {
  const checkpoint = await openCheckpoint(directory);
  try {
    const config = parseLlamaConfig(checkpoint.config, join(directory, "config.json"));
    const family = familyOf(config.modelType);
    checkTensors(checkpoint, config, family);
    return new Model({ checkpoint, config, family, device: options.device }, options.activationBatch);
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}
