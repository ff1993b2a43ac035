import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wasm } from "@denoise-rotator/backend-wasm";
import { executeWith, type PruneRecord, type StageCost, unknownFlag } from "../cli/denoise-rotator.js";
import { engineVersions, type Machine, machine, versionOf } from "../machine.js";
import { type Share, shares, timeByKernel } from "../prune/cpu-profile.js";
import { writeRandomCheckpoint } from "../prune/random-checkpoint.js";
import { describeMachine } from "../report/suite-report.js";
import { textTable } from "../report/text-table.js";
import { blockShapes } from "../works/block-shape.js";

/** Where the time of `prune` goes on a model of SmolLM2-135M's shape. */
export interface ProfileResult {
  readonly suite: "prune-profile";
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  /** What was run. */
  readonly run: { readonly blocks: number; readonly windows: number; readonly windowLength: number };
  /** What it is scaled to. */
  readonly whole: { readonly blocks: number; readonly windows: number };
  readonly seconds: number;
  readonly stages: readonly (Share & StageCost)[];
  /** The same for the whole model: stages grow with blocks, those that run the calibration also with its windows. */
  readonly scaledStages: readonly Share[];
  /** By kernel of the backend, from V8's sampling profiler. */
  readonly kernels: readonly Share[];
}

const context = 2048;
const whole = { blocks: 30, windows: 128 };

/** Kernels that are matrix products. */
const products = new Set(["matmul", "syrk", "attention"]);

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
    const perToken = /capture|forward|match/.test(name) ? whole.windows / run.windows : 1;
    const perBlock = /text|verify/.test(name) ? 1 : whole.blocks / run.blocks;
    return [name, seconds * perToken * perBlock] as const;
  });
  return {
    stages: measured.map((share) => ({ ...share, flops: stages[share.name]!.flops })),
    scaledStages: shares(scaled),
  };
}

export function profileReport(result: ProfileResult): string {
  const { run, stages, scaledStages, kernels } = result;
  const percent = (share: number | undefined) => (share === undefined ? "" : `${(100 * share).toFixed(1)} %`);
  const stageRows = stages.map(({ name, seconds, share, flops }) => [
    name,
    seconds.toFixed(2),
    percent(share),
    (flops / 1e9).toFixed(0),
    flops > 0 ? (flops / 1e9 / seconds).toFixed(0) : "",
    percent(scaledStages.find((each) => each.name === name)?.share),
  ]);
  const productShare = kernels
    .filter(({ name }) => products.has(name))
    .reduce((sum, { share }) => sum + share, 0);
  return [
    describeMachine(result.machine, result.versions),
    `random weights of SmolLM2-135M's shape, ${run.blocks} blocks, ${run.windows} windows of ${run.windowLength} tokens, one thread, ${result.seconds.toFixed(1)} s under the profiler`,
    "",
    textTable(
      [
        [
          "stage",
          "seconds",
          "share",
          "GFLOP",
          "GFLOP/s",
          `share with ${whole.blocks} blocks, ${whole.windows} windows`,
        ],
        ...stageRows,
      ],
      1,
    ),
    "",
    `matrix products (${[...products].join(", ")}): ${percent(productShare)}`,
    textTable(
      [
        ["kernel", "seconds", "share"],
        ...kernels
          .filter(({ share }) => share > 0.001)
          .map(({ name, seconds, share }) => [name, seconds.toFixed(2), percent(share)]),
      ],
      1,
    ),
  ].join("\n");
}
