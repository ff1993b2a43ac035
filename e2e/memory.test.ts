import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CheckpointWriter } from "@denoise-rotator/checkpoint";
import { Random } from "@denoise-rotator/core";
import { modelDirectory } from "@denoise-rotator/tiny-llama";
import { afterAll, describe, expect, it } from "vitest";

const cli = fileURLToPath(new URL("../packages/denoise-rotator/dist/cli.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// `MEMORY_SHAPE=smollm2` measures SmolLM2-135M's shape, 4 against 30 blocks (minutes).
const full = process.env.MEMORY_SHAPE === "smollm2";
const shape = full
  ? { hidden: 576, heads: 9, keyValueHeads: 3, intermediate: 1536, vocabulary: 49152, blocks: [4, 30] }
  : { hidden: 192, heads: 3, keyValueHeads: 1, intermediate: 512, vocabulary: 2048, blocks: [4, 16] };

/** A sharded bf16 checkpoint of random weights, with the embedded model's tokenizer. */
async function randomCheckpoint(blocks: number, name: string): Promise<string> {
  const { hidden, heads, keyValueHeads, intermediate, vocabulary } = shape;
  const directory = mkdtempSync(join(folder, `${name}-${blocks}-`));
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
  const writer = await CheckpointWriter.create(directory, entries, { maxShardBytes: full ? 40e6 : 2e6 });
  const random = new Random(1);
  for (const { name, shape: dims } of entries) {
    const size = dims.reduce((a, b) => a * b, 1);
    // A few thousand draws repeated: the values hardly matter, and drawing 135 million takes minutes.
    const draws = Float32Array.from({ length: Math.min(size, 4099) }, () => 0.05 * random.nextNormal());
    await writer.write(
      name,
      Float32Array.from({ length: size }, (_, i) => (dims.length === 1 ? 1 : draws[i % draws.length]!)),
    );
  }
  await writer.finish();
  const config = {
    ...{
      architectures: ["LlamaForCausalLM"],
      model_type: "llama",
      hidden_size: hidden,
      intermediate_size: intermediate,
    },
    ...{ num_hidden_layers: blocks, num_attention_heads: heads, num_key_value_heads: keyValueHeads },
    ...{ vocab_size: vocabulary, max_position_embeddings: 2048, rms_norm_eps: 1e-5, rope_theta: 10000 },
    ...{
      hidden_act: "silu",
      tie_word_embeddings: true,
      torch_dtype: "bfloat16",
      bos_token_id: 0,
      eos_token_id: 0,
    },
  };
  writeFileSync(join(directory, "config.json"), JSON.stringify(config));
  copyFileSync(join(modelDirectory, "tokenizer.json"), join(directory, "tokenizer.json"));
  return directory;
}

async function peakMemory(blocks: number, rotate: string): Promise<number> {
  const model = await randomCheckpoint(blocks, rotate);
  const args = [
    "--samples",
    "8",
    "--seqlen",
    "128",
    "--steps",
    "2",
    "--rotate",
    rotate,
    "--out",
    join(model, "pruned"),
    "--json",
  ];
  const { stdout, stderr } = spawnSync(process.execPath, [cli, "prune", model, ...args], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  const record = JSON.parse(stdout);
  expect(record.blocks).toHaveLength(blocks);
  expect(record.maskValid).toBe(true);
  return record.peakMemoryBytes;
}

describe("memory", () => {
  const modes = ["per-block", "shared"];
  it.each(modes)(
    "should not grow with the number of blocks: --rotate %s",
    { timeout: 1_800_000 },
    async (rotate) => {
      // The collector's timing moves a process's peak by a tenth; memory that grows with depth is there every time.
      let [few, many] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      for (let run = 0; run < 3 && !(many / few < 1.2); run++) {
        few = Math.min(few, await peakMemory(shape.blocks[0]!, rotate));
        many = Math.min(many, await peakMemory(shape.blocks[1]!, rotate));
      }
      if (full)
        process.stdout.write(
          `${few / 2 ** 20} MiB with ${shape.blocks[0]} blocks, ${many / 2 ** 20} with ${shape.blocks[1]}\n`,
        );
      expect(many / few).toBeLessThan(1.2);
    },
  );
});
