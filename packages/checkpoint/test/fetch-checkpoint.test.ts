import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type HubServer, serveHub } from "@denoise-rotator/testing/hub-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fetchCheckpoint } from "../src/index.js";

const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
const index = (names: readonly string[]) =>
  JSON.stringify({ weight_map: Object.fromEntries(names.map((name, i) => [`t${i}`, name])) });
const beside = { "config.json": "{}", "tokenizer.json": "{}", LICENSE: "text", "README.md": "text" };

let folder: string;
let server: HubServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fetch-checkpoint-"));
  server = await serveHub([
    {
      name: "org/sharded",
      files: {
        ...beside,
        "model.safetensors.index.json": index([...shards, shards[0]!]),
        [shards[0]!]: "one",
        [shards[1]!]: "two",
        "model.fp32-00001-of-00001.safetensors": "not in the index",
        "pytorch_model.bin": "copy",
        "original/consolidated.00.pth": "copy",
        "onnx/model.onnx": "copy",
      },
    },
    {
      name: "org/hole",
      files: { ...beside, "model.safetensors.index.json": index(shards), [shards[0]!]: "one" },
    },
    {
      name: "org/escape",
      files: { ...beside, "model.safetensors.index.json": index(["../../x.safetensors"]) },
    },
    { name: "org/bare", files: { "model.safetensors": "weights" } },
    { name: "org/gguf", files: { "README.md": "", "a-q4.gguf": "GGUF4", "deep/b.gguf": "GGUF5" } },
    { name: "org/pickled", files: { "config.json": "{}", "pytorch_model.bin": "" } },
    { name: "org/text", files: { "README.md": "" } },
  ]);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});
const fetched = (name: string) =>
  fetchCheckpoint(name, { environment: { HF_ENDPOINT: server.url, HF_HOME: folder } });

describe("fetchCheckpoint", () => {
  it("should fetch what loading needs, and no copies of it", async () => {
    const path = await fetched("org/sharded");
    expect((await readdir(path)).sort()).toEqual(
      ["LICENSE", "config.json", "model.safetensors.index.json", ...shards, "tokenizer.json"].sort(),
    );
    expect(basename(path)).toBe(server.commit("org/sharded"));
  });

  it("should fetch a GGUF file that is named, alone", async () => {
    expect(await readFile(await fetched("org/gguf/deep/b.gguf"), "utf8")).toBe("GGUF5");
    const path = await fetched("org/gguf@main/a-q4.gguf");
    expect(await readFile(path, "utf8")).toBe("GGUF4");
    expect(await readdir(join(path, ".."))).toEqual(["a-q4.gguf", "deep"]);
  });

  it("should say what a repository lacks", async () => {
    const cases: [string, RegExp][] = [
      [
        "org/gguf",
        /^org\/gguf: has neither model\.safetensors nor .*; name one of its GGUF files, e\.g\. org\/gguf\/a-q4\.gguf/,
      ],
      [
        "org/pickled",
        /^org\/pickled: has neither .*, but pytorch_model\.bin; formats that can run code are not read/,
      ],
      ["org/text@main", /^org\/text: has neither .*; is it a model\?/],
      ["org/bare", /^org\/bare: has no config\.json/],
      ["org/hole", /^org\/hole\/model-00002-of-00002\.safetensors: is not in revision "main"/],
      ["org/escape", /is no plain \*\.safetensors file name/],
      [
        "org/gguf/README.md",
        /^org\/gguf\/README\.md: give the repository alone, or a file in it that ends in \.gguf/,
      ],
      ["org/gguf/c.gguf", /^org\/gguf\/c\.gguf: is not in revision "main"/],
    ];
    for (const [name, message] of cases) await expect(fetched(name), name).rejects.toThrow(message);
  });
});
