import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type HubServer, serveHub, sha256 } from "@denoise-rotator/testing/hub-server";
import { modelDirectory } from "@denoise-rotator/tiny-llama";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cli } from "./command-line.js";

const read = (file: string) => new Uint8Array(readFileSync(join(modelDirectory, file)));
const weights = read("model.safetensors");
/** The embedded model, beside what other tools would find in its repository. */
const files = {
  "config.json": read("config.json"),
  "tokenizer.json": read("tokenizer.json"),
  "tokenizer_config.json": "{}",
  "model.safetensors": weights,
  "pytorch_model.bin": "the same weights again",
  "original/consolidated.pth": "and again",
  "README.md": "# tiny",
};

/** Flags of the shortest run there is. */
const least = ["--pruner", "magnitude", "--rotate", "none", "--samples", "1", "--seqlen", "8", "--json"];

/** The small data of a protocol, in the layout of its repository. */
function dataOf(protocol: string): Record<string, Uint8Array> {
  const root = fileURLToPath(new URL(`../goldens/protocols/data/${protocol}`, import.meta.url));
  const paths = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    paths.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [relative(root, path).replaceAll("\\", "/"), new Uint8Array(readFileSync(path))];
    }),
  );
}

/** Rows of a zero-shot task, written for its parity with lm-evaluation-harness. */
const taskRows = (path: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../goldens/tasks/data/${path}`, import.meta.url))));

let folder: string;
let server: HubServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "denoise-rotator-hub-"));
  server = await serveHub([
    { name: "org/tiny", files, revisions: ["main", "v1"] },
    { type: "dataset", name: "Salesforce/wikitext", files: dataOf("wikitext2") },
    { type: "dataset", name: "allenai/c4", files: dataOf("c4") },
    {
      type: "dataset",
      name: "baber/piqa",
      files: { "data/validation-00000-of-00001.jsonl": taskRows("piqa/validation.jsonl") },
    },
    {
      type: "dataset",
      name: "EleutherAI/lambada_openai",
      files: {
        "data/lambada_test.jsonl": taskRows("lambada_openai/test.jsonl"),
        "data/lambada_test_de.jsonl": '{"text":"Nenne mich Ismael"}',
      },
    },
    {
      type: "dataset",
      name: "ptb-text-only/ptb_text_only",
      files: dataOf("ptb"),
      revisions: ["refs/convert/parquet"],
    },
  ]);
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line against the local Hub, which lives in this process. */
function run(args: readonly string[], environment: Record<string, string> = {}): Promise<Result> {
  const cache = join(folder, "cache");
  const env = {
    ...process.env,
    HF_HOME: folder,
    HF_HUB_CACHE: cache,
    HF_ENDPOINT: server.url,
    ...environment,
  };
  const child = spawn(process.execPath, [cli, ...args], { cwd: folder, env });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, stdout, stderr })));
}

describe("a model on the Hub", () => {
  it("should be fetched once by processes that start together, though the connection is cut", async () => {
    server.fail("/model.safetensors", { kind: "cut", after: 2_000_000 }, { kind: "cut", after: 2_000_000 });
    const results = await Promise.all([1, 2, 3].map(() => run(["inspect", "org/tiny@v1", "--json"])));
    for (const { status, stderr, stdout } of results) {
      expect(stderr).toBe("");
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ model: "org/tiny@v1", family: "llama" });
    }
    const repository = join(folder, "cache", "models--org--tiny");
    const blobs = readdirSync(join(repository, "blobs"));
    expect(blobs).toHaveLength(4);
    expect(sha256(new Uint8Array(readFileSync(join(repository, "blobs", sha256(weights)))))).toBe(
      sha256(weights),
    );
    const snapshot = readdirSync(join(repository, "snapshots", server.commit("org/tiny")));
    expect(snapshot.sort()).toEqual([
      "config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
  });

  it("should be pruned by its name, and evaluated without a network", { timeout: 180_000 }, async () => {
    const out = join(folder, "pruned");
    const pruned = await run(["prune", "org/tiny", "--out", out, ...least]);
    expect(pruned.stderr).toBe("");
    const record = JSON.parse(pruned.stdout);
    expect(record.options.model).toBe("org/tiny");
    expect(record.model.commit).toBe(server.commit("org/tiny"));
    expect(readdirSync(out)).toContain("tokenizer.json");
    server.requests.length = 0;
    const flags = ["--seqlen", "32", "--eval-windows", "1", "--json"];
    const evaluated = await run(["eval", "org/tiny", ...flags], { HF_HUB_OFFLINE: "1" });
    expect(evaluated.stderr).toBe("");
    expect(JSON.parse(evaluated.stdout).perplexity).toBeGreaterThan(1);
    expect(server.requests).toEqual([]);
  });

  it("should be evaluated on data from the Hub, then without a network", async () => {
    const names = ["wikitext2", "c4", "ptb", "piqa", "lambada_openai"];
    const flags = ["--tasks", names.join(","), "--seqlen", "32", "--limit", "3", "--json"];
    const online = await run(["eval", "tiny", ...flags]);
    expect(online.stderr).toBe("");
    const { tasks } = JSON.parse(online.stdout);
    expect(tasks.map(({ task }: { task: string }) => task)).toEqual(names);
    for (const { rows } of tasks.slice(3)) expect(rows).toBe(3);
    for (const { metrics, text } of tasks.slice(0, 3)) {
      expect(metrics.perplexity.value).toBeGreaterThan(1);
      expect(metrics.bits_per_byte.value).toBeGreaterThan(0.5);
      expect(text).toMatchObject({ windows: 3, tokens: 93, windowLength: 32, beginning: "text" });
      expect(text.droppedTokens).toBeGreaterThan(1000);
    }
    const offline = await run(["eval", "tiny", ...flags], { HF_HUB_OFFLINE: "1" });
    expect(JSON.parse(offline.stdout).tasks).toEqual(tasks);
    const table = await run([
      "eval",
      "tiny",
      "--tasks",
      "ptb",
      "--seqlen",
      "64",
      "--stride",
      "32",
      "--limit",
      "2",
    ]);
    expect(table.stdout).toMatch(/ptb bits_per_byte ↓.* ± /);
    expect(table.stdout).toMatch(
      /ptb \(version 1, windows of 64, stride 32, bos text\): 95 tokens predicted in 2 windows.* dropped/,
    );
    const absent = await run(["eval", "tiny", "--tasks", "boolq"], { HF_HUB_OFFLINE: "1" });
    expect(absent.stderr).toMatch(/^error: aps\/super_glue.*hf download aps\/super_glue.*\n$/);
    const lacking = await run(["eval", "tiny", "--tasks", "c4", "--data", folder]);
    expect(lacking.stderr).toMatch(/has no split validation/);
  });

  it("should give way to a directory of the same name", async () => {
    mkdirSync(join(folder, "org", "tiny"), { recursive: true });
    const { status, stderr } = await run(["inspect", "org/tiny"]);
    rmSync(join(folder, "org"), { recursive: true });
    expect(status).toBe(1);
    expect(stderr).toMatch(/error: org\/tiny: has no config\.json; is it a checkpoint directory\?/);
  });

  it("should be missed with both readings of its name, and what to do", async () => {
    const cases: [string, RegExp, Record<string, string>?][] = [
      ["org/none", /org\/none: no such directory or file here; on the Hub, org\/none: .* no such repository/],
      ["./org/tiny", /\.\/org\/tiny: no such directory or file here, and no name on the Hub \(org\/name/],
      ["org/other", /org\/other: revision "main" is not in the cache/, { HF_HUB_OFFLINE: "1" }],
    ];
    for (const [name, message, environment] of cases) {
      const { status, stdout, stderr } = await run(["inspect", name], environment);
      expect(stderr).toMatch(message);
      expect(stderr.trim().split("\n")).toHaveLength(1);
      expect(stdout).toBe("");
      expect(status).toBe(1);
    }
  });
});
