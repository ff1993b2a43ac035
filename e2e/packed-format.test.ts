import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { quick, runIn, writeCalibration } from "./command-line.js";

const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-packed-"));
beforeAll(() => writeCalibration(folder));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const run = (...args: string[]) => runIn(folder, ...args);
const bytes = (directory: string) => readFileSync(join(folder, directory, "model.safetensors"));

it("should prune into packed weights, use them everywhere, and unpack and pack them", {
  timeout: 180_000,
}, () => {
  const pruned = [
    "--sparsity",
    "2:4/8",
    "--rotate",
    "none",
    "--pruner",
    "magnitude",
    "--skip",
    "2.downProj",
    ...quick,
  ];
  const { status, stdout, stderr } = run("prune", "tiny", "--format", "packed", "--out", "packed", ...pruned);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const record = JSON.parse(stdout);
  expect(record.options.format).toBe("packed");
  expect(record.maskValid).toBe(true);

  const evaluate = (...args: string[]) =>
    JSON.parse(run("eval", ...args, "--seqlen", "64", "--eval-windows", "4", "--json").stdout).perplexity;
  expect(run("unpack", "packed", "--out", "plain").stderr).toBe("");
  expect(evaluate("plain", "--dense")).toBeCloseTo(evaluate("packed"), 4);
  const packed = JSON.parse(run("pack", "plain", "--pattern", "2:4/8", "--out", "again", "--json").stdout);
  expect(bytes("again").equals(bytes("packed"))).toBe(true);
  expect(packed.bytes).toBe(statSync(join(folder, "packed", "model.safetensors")).size);

  const { tensors } = JSON.parse(run("inspect", "packed", "--json").stdout);
  const site = (name: string) => tensors.find((each: { name: string }) => each.name.includes(name));
  expect(site("0.self_attn.q_proj")).toMatchObject({ packed: "2:4/8", dtype: "bf16", shape: [256, 256] });
  expect(site("2.mlp.down_proj")).toMatchObject({ packed: null, dtype: "bf16" });
  expect(run("unpack", "plain", "--out", "nowhere").stderr).toMatch(/plain: .*nothing to unpack/);
  const refused = run("prune", "tiny", "--format", "packed", "--out", "nowhere", "--sparsity", "0.5");
  expect(refused.stderr).toMatch(/--format packed: .*unstructured --sparsity 0\.5/);
});
