import { OptionError } from "@denoise-rotator/core";
import type { Subject } from "@denoise-rotator/evaluators";
import type { Model } from "@denoise-rotator/models";

/**
 * A model with its tokenizer, for tasks. An empty context is the token texts begin with, or the one they end with.
 *
 * @throws OptionError where the checkpoint names neither.
 */
export async function subjectOf(model: Model): Promise<Subject> {
  const tokenizer = await model.tokenizer;
  const { bosTokenIds, eosTokenIds } = model.config;
  const prefixToken = tokenizer.bosId ?? bosTokenIds[0] ?? tokenizer.eosId ?? eosTokenIds[0];
  if (prefixToken === undefined) {
    throw new OptionError(
      `${model.name}: names no token for the beginning or end of texts; add bos_token_id to its config.json`,
    );
  }
  return { model, tokenizer, prefixToken };
}
