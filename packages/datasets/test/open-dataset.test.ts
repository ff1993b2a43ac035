import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { type HubServer, serveHub } from "@denoise-rotator/testing/hub-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { filesOfSplit, type OpenDatasetOptions, openDataset } from "../src/index.js";

let folder: string;
let server: HubServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "datasets-open-"));
  server = await serveHub([
    {
      name: "org/rows",
      type: "dataset",
      files: {
        "README.md": "",
        "one/train-00000-of-00002.jsonl": '{"text":"train"}',
        "one/test-00000-of-00002.jsonl": '{"text":"a"}\n{"text":"b"}',
        "one/test-00001-of-00002.jsonl": '{"text":"c"}',
        "two/test/0000.jsonl": '{"text":"two"}',
        "en/big.00000-of-00008.json.gz": gzipSync('{"text":"big"}'),
      },
    },
    { name: "org/flat", type: "dataset", files: { "data/val.jsonl": '{"text":"flat"}', "train.txt": "t" } },
  ]);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const hub = (variables: Record<string, string> = {}) => ({
  environment: { HF_ENDPOINT: server.url, HF_HOME: join(folder, "home"), ...variables },
});
async function texts(name: string, options: OpenDatasetOptions): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { text } of (await openDataset(name, { hub: hub(), ...options })).rows()) found.push(text);
  return found;
}

describe("filesOfSplit", () => {
  const of = (split: string, ...paths: string[]) => filesOfSplit(paths, split, undefined, "here");

  it("should take files that have the split's word by itself, in order, of one format", () => {
    expect(of("test", "b/test.jsonl", "contest.jsonl", "latest-train.jsonl", "a/test.jsonl")).toEqual([
      "a/test.jsonl",
      "b/test.jsonl",
    ]);
    expect(of("test", "test.jsonl", "test-00000-of-00001.parquet")).toEqual(["test-00000-of-00001.parquet"]);
    expect(of("validation", "x/dev.json.gz", "x/train.json.gz")).toEqual(["x/dev.json.gz"]);
    expect(of("extra", "extra/0.txt")).toEqual(["extra/0.txt"]);
    expect(filesOfSplit(["a/test.txt", "b/test.txt"], "test", "b", "here")).toEqual(["b/test.txt"]);
  });

  it("should say what there is instead, and which shard is missing", () => {
    expect(() => of("test", "train.jsonl", "README.md")).toThrow(
      /here: has no split test; it has train\.jsonl$/,
    );
    expect(() => of("test")).toThrow(/it has no files of rows/);
    expect(() => of("test", "test-00000-of-00002.parquet")).toThrow(
      /here: test-00001-of-00002\.parquet is missing/,
    );
  });
});

describe("openDataset", () => {
  it("should read splits, configurations and single files from the Hub", async () => {
    expect(await texts("org/rows", { split: "test", config: "one" })).toEqual(["a", "b", "c"]);
    expect(await texts("org/rows@main", { split: "test", config: "two" })).toEqual(["two"]);
    expect(await texts("org/flat", { split: "validation" })).toEqual(["flat"]);
    const files = ["en/big.00000-of-00008.json.gz"];
    expect(await texts("org/rows", { split: "validation", files, columns: ["text"] })).toEqual(["big"]);
  });

  it("should read the same from a folder, and a file alone", async () => {
    const files = {
      "one/test-00000-of-00001.jsonl": '{"text":"here"}',
      "deep/big.00000-of-00008.jsonl": '{"text":"big"}',
    };
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, "local", path)), { recursive: true });
      await writeFile(join(folder, "local", path), content);
    }
    const local = join(folder, "local");
    expect(await texts(local, { split: "test", config: "one" })).toEqual(["here"]);
    expect(await texts(local, { split: "x", files: ["en/big.00000-of-00008.jsonl"] })).toEqual(["big"]);
    expect(await texts(join(local, "one/test-00000-of-00001.jsonl"), { split: "any" })).toEqual(["here"]);
    await expect(texts(local, { split: "train" })).rejects.toThrow(
      /local: has no split train; it has .*test-00000/,
    );
  });

  it("should say what is missing, on the Hub and offline", async () => {
    await expect(texts("org/rows", { split: "validation", config: "one" })).rejects.toThrow(
      /org\/rows: has no split validation; it has one\/test-/,
    );
    await expect(texts("org/rows", { split: "a", files: ["none"] })).rejects.toThrow(
      /datasets\/org\/rows\/none: is not in revision "main"/,
    );
    await expect(texts("./none", { split: "test" })).rejects.toThrow(
      /\.\/none: no such file or folder here; on the Hub, /,
    );
    const offline = hub({ HF_HUB_OFFLINE: "1" });
    expect(await texts("org/rows", { split: "test", config: "one", hub: offline })).toEqual(["a", "b", "c"]);
    await expect(texts("org/rows", { split: "train", config: "one", hub: offline })).rejects.toThrow(
      /has no split train; .* of what the cache holds; fetch it where there is a network: hf download org\/rows --repo-type dataset/,
    );
    await expect(texts("org/other", { split: "test", hub: offline })).rejects.toThrow(
      /hf download org\/other --repo-type dataset/,
    );
  });
});
