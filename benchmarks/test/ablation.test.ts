import { mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { insertBetweenMarkers } from "../src/ablation/insert-table.js";
import { allJobs, type Job, jobKey } from "../src/ablation/jobs.js";
import { runJobs } from "../src/ablation/run-jobs.js";
import { type JobResult, ResultStore } from "../src/ablation/store.js";
import { cells, rotationTable } from "../src/ablation/tables.js";
import { defaults, plain } from "../src/ablation/variants.js";
import { CommandError, type Execute } from "../src/cli/denoise-rotator.js";

const versions = { "denoise-rotator": "1.0.0", build: "abc" };
const result = (key: string, perplexity: number): JobResult => ({
  ...{ key, perplexity, versions },
  ...{ rotateGflops: 2, gflops: 10, rotateSeconds: 1, seconds: 5 },
});

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ablation-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const journal = () => join(folder, "results.jsonl");
const open = (resume = true, version = "1.0.0") => new ResultStore(journal(), { resume, version });

describe("the jobs", () => {
  it("should be all different, the headline first", () => {
    const keys = allJobs().map(jobKey);
    expect(new Set(keys).size).toBe(keys.length);
    const first = allJobs().slice(0, 9);
    expect(new Set(first.map(({ pruner }) => pruner))).toEqual(new Set(["sparsegpt", "wanda", "magnitude"]));
    expect(first.every(({ seed, sparsity }) => seed === 0 && sparsity === "2:4")).toBe(true);
  });
});

describe("the results file", () => {
  it("should give back what was added, but for a line cut short and other versions", () => {
    const store = open();
    store.add(result("a", 1));
    store.add(result("b", 2));
    expect(open().all.map(({ key }) => key)).toEqual(["a", "b"]);
    expect(open(true, "2.0.0").all).toEqual([]);
    truncateSync(journal(), readFileSync(journal()).length - 5);
    expect(open().all.map(({ key }) => key)).toEqual(["a"]);
    expect(open(false).all).toEqual([]);
  });
});

const job = (variant: Job["variant"], seed = 0): Job => ({ pruner: "wanda", sparsity: "2:4", seed, variant });
const odd = { factor: "odd", setting: "one", flags: ["--odd"] };
const refused = { factor: "objective", setting: "cubic", flags: ["--rotate", "cubic"] };

describe("runJobs", () => {
  const calls: string[] = [];
  const execute: Execute = async (args) => {
    calls.push(args.join(" "));
    if (args.includes("--help")) return "--rotate <mode> --threads <n> --refine --no-match --quality";
    if (args.includes("cubic")) throw new CommandError("error: no such mode");
    if (args[0] === "eval") return JSON.stringify({ perplexity: 15 });
    const stages = { rotate: { seconds: 2, flops: 3e9 }, prune: { seconds: 1, flops: 4e9 } };
    return JSON.stringify({ stages, seconds: 4 });
  };
  const run = (jobs: readonly Job[], budget = 1) =>
    runJobs(jobs, { store: open(), execute, budget, versions, progress: () => {} });

  beforeEach(() => {
    calls.length = 0;
  });

  it("should keep every finished job and run none of them again", async () => {
    await run([job(defaults)]);
    expect(open().get(jobKey(job(defaults)))).toEqual({
      ...result(jobKey(job(defaults)), 15),
      ...{ rotateGflops: 3, gflops: 7, rotateSeconds: 2, seconds: 4 },
    });
    expect(calls.filter((call) => call.startsWith("prune tiny"))).toHaveLength(1);
    expect(calls.filter((call) => /^(prune|eval) tiny/.test(call) && !call.includes("--threads 1"))).toEqual(
      [],
    );
    const { remaining } = await run([job(defaults), job(plain)]);
    expect(remaining).toBe(0);
    expect(calls.filter((call) => call.startsWith("prune tiny"))).toHaveLength(2);
  });

  it("should say which variants the command line lacks or refuses, and go on", async () => {
    const { failures, remaining } = await run([job(odd), job(refused), job(plain)]);
    expect(failures).toEqual({
      "wanda 2:4: odd one": "prune has no --odd",
      "wanda 2:4: objective cubic": "error: no such mode",
    });
    expect(remaining).toBe(0);
    expect(open().get(jobKey(job(plain)))?.perplexity).toBe(15);
  });

  it("should start nothing without a budget", async () => {
    const { remaining } = await run([job(plain), job(defaults)], 0);
    expect(remaining).toBe(3);
    expect(open().all).toEqual([]);
  });
});

describe("the tables", () => {
  const results = new Map(
    [
      result("dense", 10),
      result(jobKey(job(plain, 0)), 20),
      result(jobKey(job(plain, 1)), 22),
      result(jobKey(job(defaults, 0)), 15),
      result(jobKey(job(defaults, 1)), 16),
    ].map((each) => [each.key, each]),
  );
  const all = cells((key) => results.get(key));

  it("should give mean, deviation, difference to the default and share of the gap", () => {
    const cell = all.find(({ setting }) => setting === plain.setting)!;
    expect(cell).toMatchObject({ perplexities: [20, 22], mean: 21, difference: 5.5, gapClosed: 0 });
    expect(cell.standardDeviation).toBeCloseTo(Math.SQRT2);
    expect(all.find(({ factor }) => factor === "default")!.gapClosed).toBeCloseTo(1 - 5.5 / 11);
  });

  it("should be Markdown with a column for what has results", () => {
    const lines = rotationTable(all).split("\n");
    expect(lines[0]).toMatch(/^\| factor +\| setting +\| wanda 2:4 +\| GFLOP \(rotation\) \|$/);
    expect(lines[2]).toMatch(/^\| default +\| default +\| 15\.500 ± 0\.707 \(2 of 3\), 50 % +\| 2 +\|$/);
    expect(lines).toHaveLength(4);
  });

  it("should be put between their markers alone", () => {
    const text = "before\n<!-- t -->\nold\n<!-- /t -->\nafter\n";
    expect(insertBetweenMarkers(text, "t", "new")).toBe("before\n<!-- t -->\n\nnew\n\n<!-- /t -->\nafter\n");
    expect(() => insertBetweenMarkers(text, "u", "new")).toThrow("<!-- u -->");
  });
});
