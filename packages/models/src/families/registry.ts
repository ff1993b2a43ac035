import { type DecoderConfig, parseDecoderConfig } from "@denoise-rotator/checkpoint";
import type { DecoderFamily } from "./family.js";
import { llama } from "./llama.js";
import { mistral } from "./mistral.js";
import { qwen2 } from "./qwen2.js";
import { qwen3 } from "./qwen3.js";

/** The families this package reads. */
export const families: readonly DecoderFamily[] = [llama, qwen2, qwen3, mistral];

/**
 * The checked configuration in the JSON of a `config.json` of one of {@link families}. `file` is what errors call it.
 * @throws {CheckpointError} `UNSUPPORTED_MODEL` or `CONFIG`, naming file and key, and what is supported.
 */
export const parseConfig = (raw: Readonly<Record<string, unknown>>, file?: string): DecoderConfig =>
  parseDecoderConfig(raw, families, file);
