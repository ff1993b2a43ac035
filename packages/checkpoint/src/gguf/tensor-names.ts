/** Tensors outside the blocks, by GGUF's names. */
const outer: ReadonlyMap<string, string> = new Map([
  ["token_embd.weight", "model.embed_tokens.weight"],
  ["output_norm.weight", "model.norm.weight"],
  ["output.weight", "lm_head.weight"],
]);

/** Tensors of block N, by what follows `blk.N.`. */
const inBlock: ReadonlyMap<string, string> = new Map([
  ["attn_norm.weight", "input_layernorm.weight"],
  ["ffn_norm.weight", "post_attention_layernorm.weight"],
  ["attn_q_norm.weight", "self_attn.q_norm.weight"],
  ["attn_k_norm.weight", "self_attn.k_norm.weight"],
  ...layer("attn_q", "self_attn.q_proj"),
  ...layer("attn_k", "self_attn.k_proj"),
  ...layer("attn_v", "self_attn.v_proj"),
  ...layer("attn_output", "self_attn.o_proj"),
  ...layer("ffn_gate", "mlp.gate_proj"),
  ...layer("ffn_up", "mlp.up_proj"),
  ...layer("ffn_down", "mlp.down_proj"),
]);

function layer(from: string, to: string): [string, string][] {
  return [
    [`${from}.weight`, `${to}.weight`],
    [`${from}.bias`, `${to}.bias`],
  ];
}

/** Factors of the rotary frequencies, which Hugging Face keeps in `config.json`. */
export const ropeFactors = "rope_freqs.weight";

/** Tensors that hold nothing a model needs: frequencies that its configuration gives. */
const redundant = new Set([ropeFactors, "attn_rot_embd.weight"]);

const blockName = /^blk\.(0|[1-9]\d{0,5})\.(.+)$/;

/** Hugging Face's name of a tensor of GGUF; `null` for one that is not needed, undefined for one that is unknown. */
export function huggingFaceName(name: string): string | null | undefined {
  const [, index, rest = name] = blockName.exec(name) ?? [];
  if (redundant.has(rest)) return null;
  if (index === undefined) return outer.get(name);
  const local = inBlock.get(rest);
  return local && `model.layers.${index}.${local}`;
}

/**
 * Whether the rows of a tensor of the llama architecture lie pairwise: llama.cpp turns neighbouring coordinates of a head
 * by RoPE where Hugging Face turns coordinate i with i + headDim/2, and conversion to GGUF reorders Q and K for it.
 */
export const isPairwise = (name: string): boolean => /^blk\.\d+\.attn_[qk]\.(weight|bias)$/.test(name);
