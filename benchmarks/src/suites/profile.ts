import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wasm } from "@denoise-rotator/backend-wasm";
import { blockShapes } from "@denoise-rotator/bench";
import { executeWith, type PruneRecord, unknownFlag } from "../cli/denoise-rotator.js";
import { engineVersions, machine, versionOf } from "../machine.js";
import { shares, timeByKernel } from "../prune/cpu-profile.js";
import { writeRandomCheckpoint } from "../prune/random-checkpoint.js";
import type { ProfileResult } from "../report/profile-report.js";

const context = 2048;
const whole = { blocks: 30, windows: 128 };

export async function runProfile(quick: boolean, progress: (line: string) => void): Promise<ProfileResult> {
  const run = { blocks: 2, windows: quick ? 2 : 16, windowLength: quick ? 512 : context };
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-profile-"));
  try {
    progress("writing a random checkpoint");
    const model = join(folder, "model");
    const shape = blockShapes["smollm2-135m"];
    await writeRandomCheckpoint(model, {
      shape,
      blocks: run.blocks,
      vocabulary: 49152,
      contextLength: context,
    });
    progress(`pruning ${run.blocks} blocks with ${run.windows} windows of ${run.windowLength} tokens`);
    const help = await executeWith([], ["prune", "--help"]);
    // On one thread, so that the profile sees all the work.
    const threads = unknownFlag(help, ["--threads"]) ? [] : ["--threads", "1"];
    const size = ["--samples", String(run.windows), "--seqlen", String(run.windowLength)];
    const args = ["prune", model, ...size, ...threads, "--out", join(folder, "pruned"), "--json"];
    const printed = await executeWith(["--cpu-prof", "--cpu-prof-dir", folder], args);
    const { stages, seconds } = JSON.parse(printed) as PruneRecord;
    const profile = readdirSync(folder).find((name) => name.endsWith(".cpuprofile"))!;
    await using backend = await wasm({ maxMemoryBytes: 2 ** 20 });
    const kernels = new Set(Object.keys(backend.kernels));
    const ours = "@denoise-rotator/denoise-rotator";
    return {
      ...{ suite: "prune-profile", machine: machine(), run, whole, seconds },
      versions: { ...engineVersions(), [ours]: versionOf(ours) },
      ...stageShares(stages, run),
      kernels: timeByKernel(JSON.parse(readFileSync(join(folder, profile), "utf8")), kernels),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function stageShares(stages: PruneRecord["stages"], run: ProfileResult["run"]) {
  const measured = shares(Object.entries(stages).map(([name, { seconds }]) => [name, seconds] as const));
  const scaled = Object.entries(stages).map(([name, { seconds }]) => {
    const perToken = /capture|forward|transport|reconstruct/.test(name) ? whole.windows / run.windows : 1;
    const perBlock = /text|verify/.test(name) ? 1 : whole.blocks / run.blocks;
    return [name, seconds * perToken * perBlock] as const;
  });
  return {
    stages: measured.map((share) => ({ ...stages[share.name]!, ...share })),
    scaledStages: shares(scaled),
  };
}
