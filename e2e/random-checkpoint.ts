import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CheckpointWriter } from "@denoise-rotator/checkpoint";
import { Random } from "@denoise-rotator/core";
import { modelDirectory } from "@denoise-rotator/tiny-llama";

export interface RandomShape {
  readonly hidden: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly intermediate: number;
  /** At least that of the embedded model's tokenizer where text is to be read. */
  readonly vocabulary: number;
}

/** Writes a sharded bf16 Llama of random weights, with the embedded model's tokenizer. */
export async function writeRandomCheckpoint(
  directory: string,
  shape: RandomShape,
  blocks: number,
  maxShardBytes: number,
): Promise<void> {
  const { hidden, heads, keyValueHeads, intermediate, vocabulary } = shape;
  mkdirSync(directory, { recursive: true });
  const keyValue = (hidden / heads) * keyValueHeads;
  const shapes: [string, number[]][] = [
    ["model.embed_tokens.weight", [vocabulary, hidden]],
    ["model.norm.weight", [hidden]],
  ];
  for (let block = 0; block < blocks; block++) {
    const linear: [string, number[]][] = [
      ["self_attn.q_proj", [hidden, hidden]],
      ["self_attn.k_proj", [keyValue, hidden]],
      ["self_attn.v_proj", [keyValue, hidden]],
      ["self_attn.o_proj", [hidden, hidden]],
      ["mlp.gate_proj", [intermediate, hidden]],
      ["mlp.up_proj", [intermediate, hidden]],
      ["mlp.down_proj", [hidden, intermediate]],
      ["input_layernorm", [hidden]],
      ["post_attention_layernorm", [hidden]],
    ];
    for (const [name, dims] of linear) shapes.push([`model.layers.${block}.${name}.weight`, dims]);
  }
  const entries = shapes.map(([name, dims]) => ({ name, dtype: "bf16" as const, shape: dims }));
  const writer = await CheckpointWriter.create(directory, entries, { maxShardBytes });
  const random = new Random(1);
  for (const { name, shape: dims } of entries) {
    const size = dims.reduce((a, b) => a * b, 1);
    // A few thousand draws repeated: the values hardly matter, and drawing 135 million takes minutes.
    const draws = Float32Array.from({ length: Math.min(size, 4099) }, () => 0.05 * random.nextNormal());
    const values = Float32Array.from({ length: size }, (_, i) =>
      dims.length === 1 ? 1 : draws[i % draws.length]!,
    );
    await writer.write(name, values);
  }
  await writer.finish();
  const config = {
    ...{ architectures: ["LlamaForCausalLM"], model_type: "llama", hidden_act: "silu" },
    ...{ hidden_size: hidden, intermediate_size: intermediate, num_hidden_layers: blocks },
    ...{ num_attention_heads: heads, num_key_value_heads: keyValueHeads, vocab_size: vocabulary },
    ...{ max_position_embeddings: 2048, rms_norm_eps: 1e-5, rope_theta: 10000, tie_word_embeddings: true },
    ...{ torch_dtype: "bfloat16", bos_token_id: 0, eos_token_id: 0 },
  };
  writeFileSync(join(directory, "config.json"), JSON.stringify(config));
  copyFileSync(join(modelDirectory, "tokenizer.json"), join(directory, "tokenizer.json"));
}
