import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PackedPattern } from "@denoise-rotator/checkpoint";
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
const goldenFile = fileURLToPath(new URL("../goldens/loader/golden.json", import.meta.url));

/** Random orthogonal matrices `[…, n, n]`. */
const randomOrthogonal = (shape: number[], random: Random, backend: Backend): Tensor =>
  tidy(() => qr(random.normal(shape, { backend })).Q);

interface Form {
  /** Behind the name of the golden checkpoint. */
  readonly suffix: string;
  readonly sparsity: string;
  /** Whether blocks share R1. */
  readonly shared?: boolean;
  readonly packed?: PackedPattern;
}
/** What is written of every golden checkpoint. */
const forms: readonly Form[] = [
  { suffix: "", sparsity: "2:4" },
  { suffix: "-shared", sparsity: "2:4", shared: true },
  { suffix: "-packed", sparsity: "2:4", packed: { keep: 2, of: 4 } },
];
/** Of one besides: rows that share their kept positions. */
const formsOfOne: readonly Form[] = [
  { suffix: "-rows", sparsity: "2:4/4" },
  { suffix: "-rows-packed", sparsity: "2:4/4", packed: { keep: 2, of: 4, rows: 4 } },
];
const cases = familyGoldens.flatMap((name, i) =>
  [...forms, ...(i === 0 ? formsOfOne : [])].map((form) => [name + form.suffix, name, form] as const),
);

/**
 * Turns every block by random rotations, prunes it and writes; the same bytes every time. Nothing is learned, so
 * that they do not change with how rotations are learned.
 */
async function write(
  name: string,
  { sparsity, shared = false, packed }: Form,
  out: string,
): Promise<ArrayLike<number>> {
  const windows = await goldenWindows(name);
  const device = createCpuBackend();
  const random = new Random(1);
  await using model = await openModel(goldenDirectory(name), { device });
  for await (const block of calibrate(model, windows, {
    out,
    rotated: shared ? "shared" : true,
    ...(packed ? { packed: () => packed } : {}),
  })) {
    const { keyValueCount, dim } = block.heads;
    const ofR1 = shared ? new Random(2) : random;
    using R1 = randomOrthogonal([block.hiddenSize, block.hiddenSize], ofR1, device);
    using R2 = randomOrthogonal([keyValueCount, dim, dim], random, device);
    await block.foldNorms();
    await absorb(block, { R1, R2 });
    await pruneBlock(block, magnitude({ pattern: sparsity }));
  }
  await using written = await openModel(out, { device });
  using logits = await written.logits(windows);
  return toNumbers(logits);
}

describe("rotated checkpoints in transformers", () => {
  if (keep !== undefined) {
    it.each(cases)("should be there to load: %s", async (folder, name, form) => {
      await mkdir(keep, { recursive: true });
      await write(name, form, join(keep, folder));
    });
    return;
  }
  it.each(cases)("should give our logits, for the bytes we write: %s", async (golden, name, form) => {
    const folder = await mkdtemp(join(tmpdir(), "denoise-rotator-loader-"));
    try {
      const logits = await write(name, form, join(folder, name));
      const { files } = JSON.parse(await readFile(goldenFile, "utf8"));
      expect(await hashes(join(folder, name))).toEqual(files[golden]);
      const found = await goldenTensors("loader");
      expect(relativeError(found[golden.replace(/-packed$/, "")]!, logits)).toBeLessThan(1e-4);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
