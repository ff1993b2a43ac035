import { CheckpointError, ConfigFields } from "@denoise-rotator/checkpoint";
import type { Model } from "../model.js";

/**
 * Tokens that end a text: those of `generation_config.json`, else of `config.json`, else the tokenizer's. May be none.
 *
 * @throws CheckpointError where the file says something else than token ids.
 */
export async function endTokens(model: Model): Promise<ReadonlySet<number>> {
  const { checkpoint, config } = model;
  const file = `${model.name}: generation_config.json`;
  const generation = new ConfigFields(file, await checkpoint.generationConfig());
  const given = generation.tokenIds("eos_token_id");
  if (given.length > 0) return new Set(given);
  if (config.eosTokenIds.length > 0) return new Set(config.eosTokenIds);
  const eosId = await model.tokenizer.then((tokenizer) => tokenizer.eosId, absent);
  return new Set(eosId === undefined ? [] : [eosId]);
}

/** A model without a tokenizer can still continue token ids. */
function absent(error: unknown): undefined {
  if (!(error instanceof CheckpointError && error.code === "NOT_FOUND")) throw error;
}
