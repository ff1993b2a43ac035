import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Backend, createCpuBackend, Random, type Tensor, tidy, toNumbers } from "@denoise-rotator/core";
import { qr } from "@denoise-rotator/linalg";
import { calibrate, openModel } from "@denoise-rotator/models";
import { magnitude, pruneBlock } from "@denoise-rotator/pruners";
import { absorb } from "@denoise-rotator/rotator";
import { describe, expect, it } from "vitest";
import {
  familyGoldens,
  goldenDirectory,
  goldenTensors,
  goldenWindows,
  hashes,
  relativeError,
} from "./family-goldens.js";

// `goldens/loader/make.py` sets it: the directories stay there for transformers to read.
const keep = process.env.ROTATED_CHECKPOINTS;
const golden = fileURLToPath(new URL("../goldens/loader/golden.json", import.meta.url));

/** Random orthogonal matrices `[…, n, n]`. */
const randomOrthogonal = (shape: number[], random: Random, backend: Backend): Tensor =>
  tidy(() => qr(random.normal(shape, { backend })).Q);

/**
 * Turns every block by random rotations, prunes it to 2:4 and writes; the same bytes every time. Nothing is learned, so
 * that they do not change with how rotations are learned.
 */
async function write(name: string, out: string): Promise<ArrayLike<number>> {
  const windows = await goldenWindows(name);
  const device = createCpuBackend();
  const random = new Random(1);
  await using model = await openModel(goldenDirectory(name), { device });
  for await (const block of calibrate(model, windows, { out, rotated: true })) {
    const { keyValueCount, dim } = block.heads;
    using R1 = randomOrthogonal([block.hiddenSize, block.hiddenSize], random, device);
    using R2 = randomOrthogonal([keyValueCount, dim, dim], random, device);
    await block.foldNorms();
    await absorb(block, { R1, R2 });
    await pruneBlock(block, magnitude({ pattern: "2:4" }));
  }
  await using written = await openModel(out, { device });
  using logits = await written.logits(windows);
  return toNumbers(logits);
}

describe("modeling_denoise_rotator.py", () => {
  if (keep !== undefined) {
    it.each(familyGoldens)("should get a rotated %s to load", async (name) => {
      await mkdir(keep, { recursive: true });
      await write(name, join(keep, name));
    });
    return;
  }
  it.each(familyGoldens)(
    "should compute in transformers what we do, for the bytes we write: %s",
    async (name) => {
      const folder = await mkdtemp(join(tmpdir(), "denoise-rotator-loader-"));
      try {
        const logits = await write(name, join(folder, name));
        const { files } = JSON.parse(await readFile(golden, "utf8"));
        expect(await hashes(join(folder, name))).toEqual(files[name]);
        const found = await goldenTensors("loader");
        expect(relativeError(found[name]!, logits)).toBeLessThan(1e-4);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});
