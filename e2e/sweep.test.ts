import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoredOutcome, SweepSummary } from "@denoise-rotator/sweep";
import { findRedis, startRedis } from "@denoise-rotator/testing/redis";
import { documents } from "@denoise-rotator/tiny-llama";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cli, runIn } from "./command-line.js";
import { writeRandomCheckpoint } from "./random-checkpoint.js";

const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-sweep-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sweep = `
model: model
options:
  calibration: text.txt
  eval-text: text.txt
  samples: 2
  seqlen: 32
  steps: 2
  eval-windows: 2
  backend: cpu
grid:
  pruner: [magnitude, wanda]
  sparsity: ["2:4", 0.5]
  rotate: [none, per-block]
  seed: [0, 1]
exclude:
  - { sparsity: 0.5, rotate: per-block }
  - { pruner: magnitude, sparsity: 0.5 }
`;
const runs = 10;

beforeAll(async () => {
  const shape = { hidden: 32, heads: 2, keyValueHeads: 1, intermediate: 64, vocabulary: 2048 };
  await writeRandomCheckpoint(join(folder, "model"), shape, 2, 1e6);
  const [text] = await documents("test");
  writeFileSync(join(folder, "text.txt"), text!.slice(0, 2000));
  writeFileSync(join(folder, "sweep.yaml"), sweep);
});

const outcomes = (out: string): StoredOutcome[] =>
  readFileSync(join(folder, out, "results.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Perplexities by what was run: what must not depend on where and how often. */
const perplexities = (out: string) =>
  Object.fromEntries(
    outcomes(out).map(({ settings: { pruner, sparsity, rotate, seed }, outcome }) => [
      [pruner, sparsity, rotate, seed].join(" "),
      outcome.status === "done" ? outcome.result.metrics.perplexity : outcome.error,
    ]),
  );

describe("denoise-rotator sweep", () => {
  it("should run a grid, go on with it, and refuse what is none", { timeout: 300_000 }, () => {
    const dry = runIn(folder, "sweep", "sweep.yaml", "--dry-run");
    expect(dry.stdout.split("\n")).toHaveLength(runs + 1);
    expect(dry.stdout).toContain("--pruner=wanda --sparsity=0.5 --rotate=none --seed=1\n");

    // One run is missing its text, until it is there.
    writeFileSync(
      join(folder, "broken.yaml"),
      `${sweep}include:\n  - { calibration: later.txt, pruner: wanda }\n`,
    );
    const first = runIn(folder, "sweep", "broken.yaml", "--out", "local", "--jobs", "2", "--json");
    expect(first.status).toBe(1);
    expect(first.stderr).toMatch(/^error: 1 of 11 runs failed; /);
    const { rows, failures } = JSON.parse(first.stdout) as SweepSummary;
    expect(failures).toMatchObject([{ error: expect.stringContaining("later.txt: cannot be read") }]);
    expect(rows.filter(({ done }) => done === 2)).toHaveLength(runs / 2);

    writeFileSync(join(folder, "later.txt"), readFileSync(join(folder, "text.txt"), "utf8"));
    const second = runIn(folder, "sweep", "broken.yaml", "--out", "local", "--keep");
    expect(second.stderr).toMatch(/^10 of 11 runs were done before\n11 of 11: .*: perplexity \d+\.\d+\n$/);
    expect(second.status).toBe(0);
    expect(second.stdout).toMatch(
      /^\| calibration +\| pruner +\| sparsity +\| rotate +\| runs \| perplexity/m,
    );
    expect(outcomes("local")).toHaveLength(12);
    const [kept] = readdirSync(join(folder, "local", "jobs"));
    expect(existsSync(join(folder, "local", "jobs", kept!, "model.safetensors"))).toBe(true);
    const spread = JSON.parse(readFileSync(join(folder, "local", "table.json"), "utf8")) as SweepSummary;
    expect(spread.rows[0]!.metrics.perplexity).toMatchObject({
      count: 2,
      standardDeviation: expect.any(Number),
    });

    writeFileSync(join(folder, "bad.yaml"), sweep.replace("rotate:", "rotat:"));
    expect(runIn(folder, "sweep", "bad.yaml").stderr).toBe(
      "error: bad.yaml:14: grid.rotat: there is no such option. Did you mean rotate?\n",
    );
    writeFileSync(join(folder, "bad.yaml"), sweep.replace("seqlen: 32", "seqlen: 1"));
    expect(runIn(folder, "sweep", "bad.yaml").stderr).toContain("bad.yaml:7: options.seqlen: an integer");
  });

  const found = findRedis();
  it.skipIf(!found.required && found.missing !== undefined)(
    `should lose nothing and count nothing twice when one of three workers is killed ${found.missing ?? ""}`,
    { timeout: 300_000 },
    async () => {
      await using redis = await startRedis(found);
      const workers = [0, 1, 2].map((i) => startWorker(redis.url, `work-${i}`));
      try {
        const asked = spawn(
          process.execPath,
          [cli, "sweep", "sweep.yaml", "--out", "remote", "--redis", redis.url],
          {
            cwd: folder,
            stdio: ["ignore", "ignore", "pipe"],
          },
        );
        const ended = new Promise((resolve) => asked.once("exit", resolve));
        let said = "";
        asked.stderr!.on("data", (text) => {
          said += text;
        });
        // The second job that the first worker begins is never ended by it.
        const [victim, ...others] = workers;
        await expect
          .poll(() => begunBy(victim!).length, { timeout: 120_000, interval: 5 })
          .toBeGreaterThan(1);
        victim!.process.kill("SIGKILL");
        const lost = begunBy(victim!).at(-1)!;
        expect(await ended, said).toBe(0);

        const keys = outcomes("remote").map(({ key }) => key);
        expect(keys).toHaveLength(runs);
        expect(new Set(keys).size).toBe(runs);
        expect(outcomes("remote").every(({ outcome }) => outcome.status === "done")).toBe(true);
        expect(others.flatMap(begunBy)).toContain(lost);
        const [here, there] = [perplexities("local"), perplexities("remote")];
        expect(there).toEqual(Object.fromEntries(Object.keys(there).map((name) => [name, here[name]])));
        // The killed worker's job has ended with it.
        await expect.poll(() => processesIn("work-0"), { timeout: 30_000 }).toEqual([]);
      } finally {
        for (const { process: worker } of workers) worker.kill("SIGINT");
        await Promise.all(workers.map(({ ended }) => ended));
      }
    },
  );
});

interface RunningWorker {
  readonly process: ChildProcess;
  readonly ended: Promise<unknown>;
  said: string;
}

function startWorker(url: string, work: string): RunningWorker {
  const child = spawn(process.execPath, [cli, "worker", "--redis", url, "--work", work, "--lock", "2"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const worker = { process: child, ended: new Promise((resolve) => child.once("exit", resolve)), said: "" };
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    worker.said += text;
  });
  return worker;
}

const begunBy = ({ said }: RunningWorker): string[] =>
  [...said.matchAll(/^job (\w+) begins$/gm)].map(([, key]) => key!);

/** Command lines of processes that work in a folder of ours, where the system tells. */
function processesIn(work: string): string[] {
  if (!existsSync("/proc")) return [];
  const lines = readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, "utf8")];
    } catch {
      return [];
    }
  });
  return lines.filter((line) => line.includes(join(folder, work)));
}
