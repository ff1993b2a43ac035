import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { writeRandomCheckpoint } from "./random-checkpoint.js";

const cli = fileURLToPath(new URL("../packages/denoise-rotator/dist/cli.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// `MEMORY_SHAPE=smollm2` measures SmolLM2-135M's shape, 4 against 30 blocks (minutes).
const full = process.env.MEMORY_SHAPE === "smollm2";
const shape = full
  ? { hidden: 576, heads: 9, keyValueHeads: 3, intermediate: 1536, vocabulary: 49152, blocks: [4, 30] }
  : { hidden: 192, heads: 3, keyValueHeads: 1, intermediate: 512, vocabulary: 2048, blocks: [4, 16] };

async function randomCheckpoint(blocks: number, name: string): Promise<string> {
  const directory = mkdtempSync(join(folder, `${name}-${blocks}-`));
  await writeRandomCheckpoint(directory, shape, blocks, full ? 40e6 : 2e6);
  return directory;
}

async function peakMemory(blocks: number, rotate: string): Promise<number> {
  const model = await randomCheckpoint(blocks, rotate);
  const args = [
    "--samples",
    "8",
    "--seqlen",
    "128",
    "--steps",
    "2",
    "--rotate",
    rotate,
    "--out",
    join(model, "pruned"),
    "--json",
  ];
  const { stdout, stderr } = spawnSync(process.execPath, [cli, "prune", model, ...args], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  const record = JSON.parse(stdout);
  expect(record.blocks).toHaveLength(blocks);
  expect(record.maskValid).toBe(true);
  return record.peakMemoryBytes;
}

describe("memory", () => {
  const modes = ["per-block", "shared"];
  it.each(modes)(
    "should not grow with the number of blocks: --rotate %s",
    { timeout: 1_800_000 },
    async (rotate) => {
      // The collector's timing moves a process's peak by a tenth; memory that grows with depth is there every time.
      let [few, many] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      for (let run = 0; run < 3 && !(many / few < 1.2); run++) {
        few = Math.min(few, await peakMemory(shape.blocks[0]!, rotate));
        many = Math.min(many, await peakMemory(shape.blocks[1]!, rotate));
      }
      if (full)
        process.stdout.write(
          `${few / 2 ** 20} MiB with ${shape.blocks[0]} blocks, ${many / 2 ** 20} with ${shape.blocks[1]}\n`,
        );
      expect(many / few).toBeLessThan(1.2);
    },
  );
});
