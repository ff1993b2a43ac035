import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCpuBackend, toNumbers } from "@denoise-rotator/core";
import { openModel } from "@denoise-rotator/models";
import { afterEach, describe, expect, it } from "vitest";
import {
  familyGoldens,
  goldenDirectory,
  goldenTensors,
  goldenWindows,
  prunedGoldens,
  relativeError,
} from "./family-goldens.js";
import { type PrunerPath, rotateModel } from "./rotate-family.js";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});
async function temporaryFolder() {
  const folder = await mkdtemp(join(tmpdir(), "denoise-rotator-families-"));
  folders.push(folder);
  return folder;
}

const pruned: readonly PrunerPath[] = [
  { pruner: "magnitude", pattern: "2:4" },
  { pruner: "wanda", pattern: "0.5" },
  { pruner: "sparsegpt", pattern: "2:4" },
  { pruner: "admm", pattern: "2:4", match: true },
  { pruner: "sparsegpt", pattern: "2:4", match: true, transport: true, reconstruct: true },
];

describe.each(familyGoldens)("rotations of %s", (name) => {
  it("should leave the logits that transformers gives, saved and read back", async () => {
    const windows = await goldenWindows(name);
    const out = join(await temporaryFolder(), "out");
    const device = createCpuBackend();
    // In f32, so that what is compared is the rotation and not how the result is rounded.
    await using model = await openModel(goldenDirectory(name), { device });
    const run = await rotateModel(model, windows, out, { pruner: "none", pattern: "2:4" }, "f32");
    expect(run.invarianceError).toBeLessThan(1e-5);
    const { logits: expected } = await goldenTensors(`families/${name}`);
    expect(relativeError(run.logits, expected!)).toBeLessThan(1e-4);
    await using written = await openModel(out, { device });
    expect(written.config).toMatchObject({ rotated: true, tieWordEmbeddings: false });
    using logits = await written.logits(windows);
    expect(relativeError(await toNumbers(logits), expected!)).toBeLessThan(1e-4);
  });
});

describe.each(prunedGoldens)("pruned %s", (name) => {
  it.each(pruned)("should be saved as they act in memory: %j", async (path) => {
    const windows = await goldenWindows(name);
    const out = join(await temporaryFolder(), "out");
    const device = createCpuBackend();
    await using model = await openModel(goldenDirectory(name), { device });
    const run = await rotateModel(model, windows, out, path, "f32");
    expect(run.invarianceError).toBeLessThan(1e-5);
    await using written = await openModel(out, { device });
    using logits = await written.logits(windows);
    expect(relativeError(await toNumbers(logits), run.logits)).toBeLessThan(1e-4);
    const { logits: dense } = await goldenTensors(`families/${name}`);
    expect(relativeError(run.logits, dense!)).toBeGreaterThan(0.01);
    const gate = await written.checkpoint.readFloat32("model.layers.1.mlp.gate_proj.weight");
    expect(gate.filter((value) => value === 0)).toHaveLength(gate.length / 2);
  });
});
