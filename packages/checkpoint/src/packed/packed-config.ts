import { ConfigFields } from "../config-fields.js";
import { checkPackedVersion, packedKey } from "./packed-metadata.js";

type Json = Readonly<Record<string, unknown>>;

/** Version of what is said here; how weights lie, files say themselves. */
const configVersion = 1;

/** Before a family's `model_type` in checkpoints with packed weights. */
export const packedPrefix = "denoise_rotator_packed_";

/**
 * What is replaced in a `config.json`, and kept under `replaces` of {@link packedKey}: one level deeper than an object in
 * which transformers would look for the configuration of a model type it knows.
 */
const replaced = ["model_type", "architectures", "auto_map"] as const;

/**
 * The `config.json` of a checkpoint with packed weights: the plain one under a `model_type`, `architectures` and `auto_map`
 * of its own, so that loaders that do not know the layout refuse it. Its `quantization_config` names no `quant_method`:
 * transformers and others then refuse it also where a class of theirs is named. {@link plainConfig} undoes it.
 */
export function packedConfig(
  plain: Json,
  names: { readonly family: string; readonly className: string; readonly module: string },
): Record<string, unknown> {
  const kept = Object.fromEntries(replaced.flatMap((key) => (key in plain ? [[key, plain[key]]] : [])));
  const prefix = `${names.module}.DenoiseRotatorPacked${names.className}`;
  return {
    ...plain,
    model_type: packedPrefix + names.family,
    architectures: [`DenoiseRotatorPacked${names.className}ForCausalLM`],
    auto_map: { AutoConfig: `${prefix}Config`, AutoModelForCausalLM: `${prefix}ForCausalLM` },
    [packedKey]: { version: configVersion, replaces: kept },
    quantization_config: { format: packedKey, version: configVersion },
  };
}

/** Whether a `config.json` is of a checkpoint with packed weights. */
export const isPackedConfig = (config: Json): boolean =>
  packedKey in config ||
  (typeof config.model_type === "string" && config.model_type.startsWith(packedPrefix));

/** The `config.json` that {@link packedConfig} was given, with its keys in their order. `file` is what errors call it. */
export function plainConfig(file: string, packed: Json): Json {
  const fields = new ConfigFields(file, packed);
  const ours = fields.object(packedKey);
  if (!ours) throw fields.error(packedKey, "is missing, which a checkpoint with packed weights has");
  checkPackedVersion(`${file}: ${packedKey}`, ours.raw("version"), configVersion);
  const kept = ours.object("replaces");
  if (!kept) throw ours.error("replaces", "is missing, it must hold the plain model_type");
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(packed)) {
    if (key === packedKey || key === "quantization_config") continue;
    if (!(replaced as readonly string[]).includes(key)) plain[key] = value;
    else if (kept.raw(key) !== undefined) plain[key] = kept.raw(key);
  }
  return plain;
}
