import type { DecoderConfig } from "@denoise-rotator/checkpoint";
import type { DecoderFamily } from "./family.js";

const attentionBias = (config: DecoderConfig) => config.attentionBias;
const mlpBias = (config: DecoderConfig) => config.mlpBias;

/** Llama 1–3 and what shares their layout (SmolLM2, TinyLlama, Yi, …). */
export const llama: DecoderFamily = {
  modelType: "llama",
  className: "Llama",
  embedding: "model.embed_tokens.weight",
  finalNorm: "model.norm.weight",
  head: "lm_head.weight",
  blockName: (index) => `model.layers.${index}`,
  attentionNorm: "input_layernorm.weight",
  feedForwardNorm: "post_attention_layernorm.weight",
  inputRotation: "input_rotation.weight",
  linears: {
    qProj: { name: "self_attn.q_proj", hasBias: attentionBias },
    kProj: { name: "self_attn.k_proj", hasBias: attentionBias },
    vProj: { name: "self_attn.v_proj", hasBias: attentionBias },
    oProj: { name: "self_attn.o_proj", hasBias: attentionBias },
    gateProj: { name: "mlp.gate_proj", hasBias: mlpBias },
    upProj: { name: "mlp.up_proj", hasBias: mlpBias },
    downProj: { name: "mlp.down_proj", hasBias: mlpBias },
  },
};
