import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BlockShape, weightShapes } from "@denoise-rotator/bench";
import { CheckpointWriter } from "@denoise-rotator/checkpoint";
import { type SiteRole, siteRoles } from "@denoise-rotator/contracts";
import { Random } from "@denoise-rotator/core";
import { modelDirectory } from "@denoise-rotator/tiny-llama";

const layers: Readonly<Record<SiteRole, string>> = {
  qProj: "self_attn.q_proj",
  kProj: "self_attn.k_proj",
  vProj: "self_attn.v_proj",
  oProj: "self_attn.o_proj",
  gateProj: "mlp.gate_proj",
  upProj: "mlp.up_proj",
  downProj: "mlp.down_proj",
};

export interface RandomCheckpoint {
  readonly shape: BlockShape;
  readonly blocks: number;
  readonly vocabulary: number;
  readonly contextLength: number;
  /** Different values that are drawn, and then repeated; default all: drawing takes minutes for large models. */
  readonly draws?: number;
}

/** Writes a bf16 Llama of random weights with the embedded model's tokenizer, to be timed and not to be believed. */
export async function writeRandomCheckpoint(directory: string, model: RandomCheckpoint): Promise<void> {
  const { shape, blocks, vocabulary, contextLength, draws = Number.POSITIVE_INFINITY } = model;
  mkdirSync(directory, { recursive: true });
  const tensors: [string, number[]][] = [
    ["model.embed_tokens.weight", [vocabulary, shape.hidden]],
    ["model.norm.weight", [shape.hidden]],
  ];
  for (let block = 0; block < blocks; block++) {
    const add = (name: string, dims: number[]) =>
      tensors.push([`model.layers.${block}.${name}.weight`, dims]);
    weightShapes(shape).forEach((dims, i) => {
      add(layers[siteRoles[i]!], dims);
    });
    add("input_layernorm", [shape.hidden]);
    add("post_attention_layernorm", [shape.hidden]);
  }
  const entries = tensors.map(([name, dims]) => ({ name, dtype: "bf16" as const, shape: dims }));
  const writer = await CheckpointWriter.create(directory, entries);
  const random = new Random(1);
  for (const { name, shape: dims } of entries) {
    const [rows, width = 1] = dims as [number, number?];
    const value = dims.length === 1 ? () => 1 : () => 0.05 * random.nextNormal();
    const step = Math.min(rows, Math.max(1, Math.floor(rowElements / width)));
    const drawn = Float32Array.from({ length: Math.min(step * width, draws) }, value);
    for (let begin = 0; begin < rows; begin += step) {
      const size = Math.min(step, rows - begin) * width;
      if (begin > 0 && drawn.length < draws) for (let i = 0; i < size; i++) drawn[i] = value();
      await writer.writeRows(name, begin, repeated(drawn, size));
    }
  }
  await writer.finish();
  writeFileSync(
    join(directory, "config.json"),
    JSON.stringify(config(shape, blocks, vocabulary, contextLength)),
  );
  copyFileSync(join(modelDirectory, "tokenizer.json"), join(directory, "tokenizer.json"));
}

/** Elements on the host at once. */
const rowElements = 2 ** 22;

function repeated(values: Float32Array, size: number): Float32Array {
  if (size <= values.length) return values.subarray(0, size);
  const out = new Float32Array(size);
  for (let at = 0; at < size; at += values.length) out.set(values.subarray(0, size - at), at);
  return out;
}

const config = (shape: BlockShape, blocks: number, vocabulary: number, contextLength: number) => ({
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: shape.hidden,
  intermediate_size: shape.intermediate,
  num_hidden_layers: blocks,
  num_attention_heads: shape.heads,
  num_key_value_heads: shape.keyValueHeads,
  head_dim: shape.headDim,
  vocab_size: vocabulary,
  max_position_embeddings: contextLength,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  hidden_act: "silu",
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
  bos_token_id: 0,
  eos_token_id: 0,
});
