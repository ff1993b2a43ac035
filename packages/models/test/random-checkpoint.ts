import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CheckpointWriter, type WeightDType } from "@denoise-rotator/checkpoint";
import { type Backend, fromTyped, Random, type Tensor } from "@denoise-rotator/core";
import { afterEach } from "vitest";
import { families, parseConfig } from "../src/index.js";
import { blockTensors, outerTensors } from "../src/tensor-layout.js";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "denoise-rotator-models-"));
  folders.push(folder);
  return folder;
}

export const smallConfig = {
  model_type: "llama",
  architectures: ["LlamaForCausalLM"],
  hidden_size: 12,
  intermediate_size: 20,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 4,
  vocab_size: 29,
  max_position_embeddings: 32,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  attention_bias: true,
  mlp_bias: true,
};

export interface RandomCheckpoint {
  readonly differs?: Readonly<Record<string, unknown>>;
  readonly dtype?: WeightDType;
  /** Changes what is written of one tensor. */
  readonly edit?: (name: string, values: Float32Array) => void;
  /** Shapes that contradict the configuration. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  readonly without?: string;
}

/** Writes a checkpoint of random weights; returns its directory. */
export async function randomCheckpoint(options: RandomCheckpoint = {}): Promise<string> {
  const directory = join(await temporaryFolder(), "source");
  await mkdir(directory);
  const raw = { ...smallConfig, ...options.differs };
  const config = parseConfig(raw);
  const family = families.find(({ modelType }) => modelType === config.modelType)!;
  const needs = outerTensors(config, family, config.tieWordEmbeddings);
  for (let index = 0; index < config.layerCount; index++) needs.push(...blockTensors(config, family, index));
  const entries = needs
    .filter(({ name }) => name !== options.without)
    .map(({ name, shape }) => ({
      name,
      shape: options.shapes?.[name] ?? shape,
      dtype: options.dtype ?? ("f32" as const),
    }));
  const writer = await CheckpointWriter.create(directory, entries);
  const random = new Random(7);
  for (const { name, shape } of entries) {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const gain = name.endsWith("norm.weight");
    const scale = gain || name.endsWith("bias") ? 0.3 : 1.2 / Math.sqrt(shape[1]!);
    const values = Float32Array.from({ length: size }, () => (gain ? 1 : 0) + scale * random.nextNormal());
    options.edit?.(name, values);
    // As bytes where values are deliberately not finite.
    const finite = values.every(Number.isFinite);
    await writer.write(name, finite ? values : new Uint8Array(values.buffer));
  }
  await writer.finish();
  await writeFile(join(directory, "config.json"), JSON.stringify(raw));
  return directory;
}

/** Windows of random token ids. */
export function randomWindows(count: number, length: number, vocabulary = smallConfig.vocab_size) {
  const random = new Random(3);
  return Array.from({ length: count }, () => Int32Array.from({ length }, () => random.integer(vocabulary)));
}

/** A random orthogonal matrix `[n, n]`, by Gram–Schmidt in f64. */
export function randomOrthogonal(n: number, seed: number, device: Backend): Tensor {
  const random = new Random(seed);
  const rows: Float64Array[] = [];
  while (rows.length < n) {
    const row = Float64Array.from({ length: n }, () => random.nextNormal());
    for (let pass = 0; pass < 2; pass++) {
      for (const done of rows) {
        const overlap = done.reduce((sum, value, i) => sum + value * row[i]!, 0);
        for (let i = 0; i < n; i++) row[i] = row[i]! - overlap * done[i]!;
      }
    }
    const norm = Math.hypot(...row);
    rows.push(row.map((value) => value / norm));
  }
  return fromTyped(Float32Array.from(rows.flatMap((row) => [...row])), [n, n], "f32", device);
}
