import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openCheckpoint, openSafetensors } from "@denoise-rotator/checkpoint";
import { createCpuBackend } from "@denoise-rotator/core";
import { fileSource } from "@denoise-rotator/hub";
import { describe, expect, it } from "vitest";
import { openModel } from "../src/index.js";
import { relativeError } from "./goldens.js";

const at = (path: string) => fileURLToPath(new URL(`../../../goldens/${path}`, import.meta.url));

/** Files the gguf package wrote, the checkpoints they were made of, and what transformers computes for them. */
const cases = [
  ["llama-tied", "llama/gqa-tied", "llama/gqa-tied/golden"],
  ["llama-llama3", "llama/rope-llama3", "llama/rope-llama3/golden"],
  ["llama-bias", "llama/bias", "llama/bias/golden"],
  ["llama-quantised", "llama/gqa-tied", "gguf/llama-quantised.golden"],
  ["qwen2-yarn", "families/qwen2-yarn", "families/qwen2-yarn/golden"],
  ["qwen3", "families/qwen3-default", "families/qwen3-default/golden"],
] as const;

async function readGolden(path: string) {
  await using file = await openSafetensors(await fileSource(at(`${path}.safetensors`)));
  const [count, length] = file.info("input_ids").shape as [number, number];
  const ids = Int32Array.from(await file.readFloat32("input_ids"));
  const windows = Array.from({ length: count }, (_, i) => ids.slice(i * length, (i + 1) * length));
  return { windows, logits: await file.readFloat32("logits") };
}

describe.each(cases.filter(([name]) => existsSync(at(`gguf/${name}.gguf`))))(
  "%s.gguf",
  (name, source, golden) => {
    const path = at(`gguf/${name}.gguf`);

    it("should give the logits of transformers", async () => {
      const { windows, logits } = await readGolden(golden);
      const device = createCpuBackend();
      await using model = await openModel(path, { device });
      using ours = await model.logits(windows);
      expect(relativeError(await ours.read(), logits)).toBeLessThan(1e-4);
    });

    it("should hold the tensors of the directory it was made of, in its order of rows", async () => {
      await using model = await openCheckpoint(path);
      await using original = await openCheckpoint(at(source));
      expect(model.names.sort()).toEqual(original.names.sort());
      for (const tensor of original.names) {
        expect(model.shape(tensor)).toEqual(original.shape(tensor));
        const values = await original.readFloat32(tensor);
        const ours = await model.readFloat32(tensor);
        if (name === "llama-quantised") expect(relativeError(ours, values)).toBeLessThan(0.15);
        else expect(ours).toEqual(values);
      }
    });

    it("should say of the model what its config.json says", async () => {
      await using model = await openCheckpoint(path);
      await using original = await openCheckpoint(at(source));
      const parameters = (original.config.rope_parameters ?? {}) as Record<string, unknown>;
      const expected = { rope_theta: parameters.rope_theta, ...original.config };
      for (const key of [
        ...[
          "model_type",
          "architectures",
          "hidden_size",
          "intermediate_size",
          "num_hidden_layers",
          "rms_norm_eps",
        ],
        ...[
          "num_attention_heads",
          "num_key_value_heads",
          "head_dim",
          "vocab_size",
          "max_position_embeddings",
        ],
        ...["rope_theta", "hidden_act", "tie_word_embeddings", "bos_token_id", "eos_token_id"],
      ]) {
        expect([key, model.config[key]]).toEqual([key, expected[key as keyof typeof expected]]);
      }
    });
  },
);
