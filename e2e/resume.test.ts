import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@denoise-rotator/core";
import { documents } from "@denoise-rotator/tiny-llama";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cli } from "./command-line.js";
import { writeRandomCheckpoint } from "./random-checkpoint.js";

const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-resume-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// `RESUME_KILLS=300` is the longer run (minutes), `RESUME_SEED` another one.
const kills = Number(process.env.RESUME_KILLS ?? 20);
const random = new Random(Number(process.env.RESUME_SEED ?? 1));

beforeAll(async () => {
  const shape = { hidden: 32, heads: 2, keyValueHeads: 1, intermediate: 64, vocabulary: 2048 };
  await writeRandomCheckpoint(join(folder, "model"), shape, 3, 1e5);
  const [text] = await documents("test");
  writeFileSync(join(folder, "calibration.txt"), text!.slice(0, 4000));
  writeFileSync(join(folder, "held-out.txt"), text!.slice(4000, 6000));
});

const common = ["--calibration", "calibration.txt", "--samples", "4", "--seqlen", "32", "--backend", "cpu"];
/** Every pass that goes on where it ended: pruning, with the dense model beside; sharing; allocating. */
const variants: Record<string, readonly string[]> = {
  perBlock: [
    ...["--steps", "3", "--transport", "--reconstruct", "2"],
    ...["--eval", "--eval-text", "held-out.txt", "--eval-windows", "2"],
  ],
  shared: ["--rotate", "shared", "--steps", "6", "--pruner", "wanda", "--format", "packed"],
  allocated: [
    ...["--sparsity", "0.5", "--allocation", "sensitivity", "--steps", "3", "--pruner", "wanda"],
    ...["--save-rotation", "rotations.safetensors"],
  ],
};

function prune(out: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const killer = new URL("./kill-at.mjs", import.meta.url).href;
  const all = ["--import", killer, cli, "prune", "model", "--out", out, "--json", ...common, ...args];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, all, {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return { status, signal, stdout, stderr };
}

/** What a run leaves, but for what may differ: times, memory, attempts, the output's own path, and the page that shows them. */
function contents(out: string): Record<string, unknown> {
  const files = readdirSync(join(folder, out)).sort();
  expect(files).toContain("report.html");
  return Object.fromEntries(
    files
      .filter((file) => file !== "report.html")
      .map((file) => {
        const bytes = readFileSync(join(folder, out, file));
        return [file, file === "run.json" ? withoutCosts(bytes.toString()) : bytes.toString("base64")];
      }),
  );
}

const cost = new Set(["stages", "seconds", "peakMemoryBytes", "peakBytes", "attempts", "out", "repeat"]);
const withoutCosts = (text: string) => JSON.parse(text, (key, value) => (cost.has(key) ? undefined : value));

describe("prune --resume", () => {
  it("should end with the bytes of an uninterrupted run, whenever it is killed", {
    timeout: 1_800_000,
  }, () => {
    const names = Object.keys(variants);
    const expected = names.map((name) => {
      const run = prune(`whole-${name}`, variants[name]!, { KILL_COUNT: "1" });
      expect(run.status, run.stderr).toBe(0);
      const rotations =
        name === "allocated" ? readFileSync(join(folder, "rotations.safetensors")) : undefined;
      return {
        files: contents(`whole-${name}`),
        operations: Number(/operations: (\d+)/.exec(run.stderr)![1]),
        rotations,
      };
    });
    let done = 0;
    let resumed = 0;
    for (let chain = 0; done < kills; chain++) {
      const which = chain % names.length;
      const { files, operations, rotations } = expected[which]!;
      const out = `killed-${chain}`;
      rmSync(join(folder, "rotations.safetensors"), { force: true });
      // Up to five kills of one run, each somewhere in what is left if nothing was done before.
      let left = Math.min(5, kills - done);
      for (; ; left--) {
        const at = 1 + random.integer(operations);
        const run = prune(
          out,
          [...variants[names[which]!]!, "--resume"],
          left > 0 ? { KILL_AT: String(at) } : {},
        );
        resumed += /^resuming: /m.test(run.stderr) ? 1 : 0;
        if (run.signal !== "SIGKILL") {
          // A resumed run does less than the whole one, so that the moment drawn may not come any more.
          expect(run.status, run.stderr).toBe(0);
          break;
        }
        done++;
      }
      expect(contents(out), `chain ${chain}`).toEqual(files);
      if (rotations) expect(readFileSync(join(folder, "rotations.safetensors")).equals(rotations)).toBe(true);
    }
    expect(resumed).toBeGreaterThan(kills / 4);
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
  });
});
