import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "@denoise-rotator/checkpoint";
import { modelDirectory } from "@denoise-rotator/tiny-llama";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { embeddedModelAsGguf } from "./embedded-gguf.js";

const cli = fileURLToPath(new URL("../packages/denoise-rotator/dist/cli.js", import.meta.url));
let folder: string;
let gguf: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "denoise-rotator-gguf-"));
  gguf = join(folder, "tiny.gguf");
  writeFileSync(gguf, await embeddedModelAsGguf());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args, "--json"], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

describe("a GGUF file on the command line", () => {
  it("should be what the directory is that it was made of", async () => {
    const inspected = run("inspect", gguf);
    const original = run("inspect", modelDirectory);
    expect(inspected.parameters).toBe(original.parameters);
    expect(inspected.config).toMatchObject({ model_type: "llama", head_dim: 32, tie_word_embeddings: true });
    await using a = await openCheckpoint(gguf);
    await using b = await openCheckpoint(modelDirectory);
    expect(a.names.sort()).toEqual(b.names.sort());
    for (const name of b.names) {
      const [ours, theirs] = [await a.read(name), await b.read(name)];
      expect([name, Buffer.compare(ours.bytes, theirs.bytes)]).toEqual([name, 0]);
    }
  });

  it("should be saved as a directory of Hugging Face's that evaluates to the same perplexity", {
    timeout: 180_000,
  }, () => {
    const out = join(folder, "copy");
    run("prune", gguf, "--pruner", "none", "--rotate", "none", "--samples", "2", "--out", out);
    for (const file of ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]) {
      expect(readdirSync(out)).toContain(file);
    }
    const { perplexity } = run("eval", gguf, "--eval-windows", "4");
    expect(perplexity).toBeGreaterThan(1);
    expect(run("eval", out, "--eval-windows", "4").perplexity).toBe(perplexity);
  });

  it("should be rotated and pruned", { timeout: 180_000 }, () => {
    const out = join(folder, "pruned");
    const record = run("prune", gguf, "--samples", "4", "--seqlen", "64", "--steps", "3", "--out", out);
    expect(record.maskValid).toBe(true);
    expect(record.invarianceError).toBeLessThan(1e-4);
    expect(run("eval", out, "--eval-windows", "2").perplexity).toBeGreaterThan(1);
  });

  it("should be refused by name where it is damaged", () => {
    const path = join(folder, "cut.gguf");
    writeFileSync(path, readFileSync(gguf).subarray(0, 100_000));
    const { status, stderr } = spawnSync(process.execPath, [cli, "eval", path], { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: .*cut\.gguf: tensor ".*" ends at byte \d+, the file has 100000; .*\n$/);
  });
});
