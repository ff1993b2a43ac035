import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createCpuBackend } from "@denoise-rotator/core";
import { type Model, openModel } from "@denoise-rotator/models";
import { describe, expect, it } from "vitest";
import { familyGoldens, goldenDirectory, prunedGoldens } from "./family-goldens.js";

const loaded = Object.keys(
  JSON.parse(await readFile(fileURLToPath(new URL("../goldens/loader/golden.json", import.meta.url)), "utf8"))
    .files,
);
const page = await readFile(fileURLToPath(new URL("../docs/models.md", import.meta.url)), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| -"))
  .map((line) => line.split("|").slice(1, -1))
  .map((cells) => cells.map((cell) => cell.trim()));

type Feature = (model: Model, name: string) => boolean;
const biased = (...roles: string[]): Feature => {
  return ({ config, family }) =>
    Object.entries(family.linears).every(([role, { hasBias }]) => hasBias(config) === roles.includes(role));
};
const windows: (kind: "all" | "some" | "none", key?: string) => Feature =
  (kind, key) =>
  ({ config: { attentionWindows: found, raw } }) => {
    const count = found.filter((window) => window !== undefined && window < 12).length;
    const share = count === 0 ? "none" : count === found.length ? "all" : "some";
    return (
      share === kind && (key === undefined || (raw.layer_types !== undefined) === (key === "layer_types"))
    );
  };
const rope =
  (kind: string | undefined): Feature =>
  ({ config }) =>
    config.ropeScaling?.kind === kind;
const attention = ["qProj", "kProj", "vProj"];
const mlp = ["gateProj", "upProj", "downProj"];

const features: Record<string, Feature> = {
  "`config.json` of transformers 4": ({ config: { raw } }) =>
    "rope_theta" in raw && !("rope_parameters" in raw),
  "`config.json` of transformers 5": ({ config: { raw } }) => "rope_parameters" in raw && "dtype" in raw,
  "grouped queries": ({ config }) => config.keyValueHeadCount < config.headCount,
  "one key/value head per head": ({ config }) => config.keyValueHeadCount === config.headCount,
  "heads as wide as `hidden_size` allows": ({ config }) =>
    config.headDim * config.headCount === config.hiddenSize,
  "explicit `head_dim`, heads wider than that": ({ config }) =>
    config.raw.head_dim === config.headDim && config.headDim * config.headCount > config.hiddenSize,
  "tied embeddings": ({ config, checkpoint }) =>
    config.tieWordEmbeddings && !checkpoint.has("lm_head.weight"),
  "untied embeddings": ({ config }) => !config.tieWordEmbeddings,
  "no biases": biased(),
  "biases on q, k, v alone": biased(...attention),
  "biases on q, k, v, o (`attention_bias`)": biased(...attention, "oProj"),
  "biases on gate, up, down (`mlp_bias`)": biased(...mlp),
  "biases on all seven": biased(...attention, "oProj", ...mlp),
  "queries and keys normalised by head": ({ family }) => family.headNorms !== undefined,
  "attention window in all blocks": windows("all"),
  "attention window in some blocks, by `layer_types`": windows("some", "layer_types"),
  "the same, by `max_window_layers`": windows("some", "max_window_layers"),
  "no attention window": windows("none"),
  "rotary scaling: none": rope(undefined),
  "`linear`": rope("linear"),
  "`dynamic` (up to `max_position_embeddings`)": rope("dynamic"),
  "`llama3`": rope("llama3"),
  "`yarn`": rope("yarn"),
  "stored in bfloat16": ({ checkpoint }) => checkpoint.dtype("model.embed_tokens.weight") === "bf16",
  "all pruners after rotation, saved and read back": (_, name) => prunedGoldens.includes(name),
  "rotated, in transformers by the file it comes with": (_, name) => loaded.includes(name),
  "rotated by `--rotate shared`, in transformers as it is": (_, name) => loaded.includes(`${name}-shared`),
};

describe("the table of docs/models.md", () => {
  const [header, ...body] = rows;
  const families = [["llama"], ["qwen2"], ["qwen3"], ["mistral"]];

  it("should have a row for every feature and a column for every family", () => {
    expect(header).toHaveLength(1 + families.length);
    expect(body.map(([feature]) => feature)).toEqual(Object.keys(features));
  });

  it.each(body.map(([feature, ...cells]) => [feature!, cells] as const))(
    "should say true: %s",
    async (feature, cells) => {
      for (const [column, name] of cells.entries()) {
        if (name === "") continue;
        expect(familyGoldens).toContain(name);
        await using model = await openModel(goldenDirectory(name), { device: createCpuBackend() });
        expect(families[column]).toContain(model.family.modelType);
        expect([name, features[feature]!(model, name)]).toEqual([name, true]);
      }
    },
  );
});
