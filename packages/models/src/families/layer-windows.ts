import type { ConfigFields } from "@denoise-rotator/checkpoint";

/**
 * Qwen's attention windows: `sliding_window` tokens where `use_sliding_window`, in the blocks that `layer_types` calls
 * `sliding_attention`, without it those from `max_window_layers` on.
 */
export function layerWindows(fields: ConfigFields, layerCount: number): (number | undefined)[] {
  const used = fields.boolean("use_sliding_window", false) && fields.raw("sliding_window") !== null;
  const first = fields.nonNegativeInteger("max_window_layers", 28);
  const types = fields.strings("layer_types", ["full_attention", "sliding_attention"]);
  if (types && types.length !== layerCount) {
    throw fields.error("layer_types", `has ${types.length} entries for num_hidden_layers, ${layerCount}`);
  }
  const window = used ? fields.positiveInteger("sliding_window", 4096) : undefined;
  const slides = (index: number) => (types ? types[index] === "sliding_attention" : index >= first);
  return Array.from({ length: layerCount }, (_, index) => (slides(index) ? window : undefined));
}
