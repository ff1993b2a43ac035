import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Execute, localQueue, parseSweep, runSweep, type Sweep } from "../src/index.js";

const anything = { check: () => undefined };
const options = new Map(["pruner", "seed"].map((name) => [name, anything]));
const text = "model: tiny\ngrid:\n  pruner: [wanda, 'a|b, c']\n  seed: [1, 2, 3]";

let directory: string;
let sweep: Sweep;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sweep-"));
  sweep = await parseSweep(text, { file: "sweep.yaml", options, version: "1" });
});
afterEach(() => rm(directory, { recursive: true }));
const file = (name: string) => readFile(join(directory, name), "utf8");

/** Seed 3 of wanda fails while `broken`. */
function counting(broken: boolean, begun: string[] = []) {
  const execute: Execute = async ({ settings: { pruner, seed } }) => {
    begun.push(`${pruner} ${seed}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (broken && pruner === "wanda" && seed === 3) throw new Error("no such file");
    return { metrics: { perplexity: 10 + Number(seed), seconds: 0.00012 }, details: { seed } };
  };
  return { execute, begun };
}

describe("runSweep", () => {
  it("should keep results and tables, and do only what is left when it is run again", async () => {
    const first = counting(true);
    const summary = await runSweep(sweep, { directory, queue: localQueue(first.execute, { jobs: 2 }) });
    expect(first.begun).toHaveLength(6);
    expect(summary.failures).toMatchObject([
      { settings: { pruner: "wanda", seed: 3 }, error: "no such file" },
    ]);
    const cells = (await file("table.md")).split("\n").map((line) => line.replaceAll(/ +/g, " "));
    expect(cells.slice(2)).toEqual([
      "| wanda | 2 of 3 | 11.5 ± 0.71 | 1.20e-4 ± 0 |",
      "| a\\|b, c | 3 | 12 ± 1 | 1.20e-4 ± 0 |",
      "",
      "All runs: model tiny. Mean ± standard deviation over seeds.",
      "- failed: pruner wanda, seed 3: no such file",
      "",
    ]);
    const second = counting(false);
    const done: number[] = [];
    const whole = await runSweep(sweep, {
      directory,
      queue: localQueue(second.execute),
      onProgress: (progress) => done.push(progress.done),
    });
    expect(second.begun).toEqual(["wanda 3"]);
    expect(done).toEqual([5, 6]);
    expect(whole.failures).toEqual([]);
    expect(whole.rows[0]!.metrics.perplexity).toEqual({ mean: 12, standardDeviation: 1, count: 3 });
    expect((await file("table.csv")).split("\r\n")).toEqual([
      "pruner,runs,done,failed,perplexity,perplexity_sd,seconds,seconds_sd",
      "wanda,3,3,0,12,1,0.00012,0",
      '"a|b, c",3,3,0,12,1,0.00012,0',
      "",
    ]);
    expect(JSON.parse(await file("table.json"))).toEqual(JSON.parse(JSON.stringify(whole)));
  });

  it("should lose nothing to an abort or a crash, but what was under way", async () => {
    const stop = new AbortController();
    const { execute, begun } = counting(false);
    const aborted = runSweep(sweep, {
      ...{ directory, queue: localQueue(execute, { jobs: 2 }), signal: stop.signal },
      onProgress: ({ done }) => {
        if (done === 3) stop.abort();
      },
    });
    await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
    const lines = (await file("results.jsonl")).trimEnd().split("\n");
    expect(lines.length).toBeGreaterThanOrEqual(3);
    // A crash in the middle of a line; and the same result written twice.
    await writeFile(
      join(directory, "results.jsonl"),
      `${[...lines, lines[0]].join("\n")}\n${lines[1]!.slice(0, 30)}`,
    );
    begun.length = 0;
    const { rows } = await runSweep(sweep, { directory, queue: localQueue(execute) });
    expect(begun).toHaveLength(6 - lines.length);
    expect(rows.map(({ done }) => done)).toEqual([3, 3]);
    expect(rows.map(({ metrics }) => metrics.perplexity!.count)).toEqual([3, 3]);
  });

  it("should run as many jobs at a time as asked", async () => {
    let [running, most] = [0, 0];
    const execute: Execute = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running--;
      return { metrics: {}, details: {} };
    };
    await runSweep(sweep, { directory, queue: localQueue(execute, { jobs: 3 }) });
    expect(most).toBe(3);
    expect(() => localQueue(execute, { jobs: 0 })).toThrow("--jobs 0");
  });
});
