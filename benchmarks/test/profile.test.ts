import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "@denoise-rotator/checkpoint";
import { expect, it } from "vitest";
import { timeByKernel } from "../src/prune/cpu-profile.js";
import { writeRandomCheckpoint } from "../src/prune/random-checkpoint.js";

const node = (id: number, functionName: string, children: number[] = []) => ({
  ...{ id, children },
  callFrame: { functionName, url: "" },
});

it("should give a sample to the innermost kernel on its stack", () => {
  const nodes = [
    node(1, "(root)", [2, 6, 7]),
    node(2, "step", [3]),
    node(3, "matmul", [4, 5]),
    node(4, "wasm-function[3]"),
    node(5, "copy", [8]),
    node(6, "(idle)"),
    node(7, "(garbage collector)"),
    node(8, "wasm-function[1]"),
  ];
  const samples = [4, 4, 8, 2, 6, 7];
  const timeDeltas = [3e6, 1e6, 2e6, 1e6, 50e6, 1e6];
  expect(timeByKernel({ nodes, samples, timeDeltas }, new Set(["matmul", "copy"]))).toEqual([
    { name: "matmul", seconds: 4, share: 0.5 },
    { name: "copy", seconds: 2, share: 0.25 },
    { name: "host", seconds: 1, share: 0.125 },
    { name: "garbage collection", seconds: 1, share: 0.125 },
  ]);
});

it("should write a checkpoint that opens, of the shape asked for", async () => {
  const folder = mkdtempSync(join(tmpdir(), "profile-test-"));
  try {
    const shape = { hidden: 16, heads: 4, keyValueHeads: 2, headDim: 4, intermediate: 24 };
    await writeRandomCheckpoint(folder, { shape, blocks: 2, vocabulary: 32, contextLength: 64 });
    await using checkpoint = await openCheckpoint(folder);
    expect(checkpoint.shape("model.layers.1.self_attn.k_proj.weight")).toEqual([8, 16]);
    expect(checkpoint.shape("model.layers.1.mlp.down_proj.weight")).toEqual([16, 24]);
    expect(checkpoint.shape("model.embed_tokens.weight")).toEqual([32, 16]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
