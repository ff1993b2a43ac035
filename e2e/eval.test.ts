import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { modelDirectory } from "@denoise-rotator/tiny-llama";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runIn } from "./command-line.js";

const goldenRows = fileURLToPath(new URL("../goldens/tasks/data", import.meta.url));
const ownEvaluators = fileURLToPath(new URL("../examples/own-evaluators.mjs", import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "denoise-rotator-eval-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]) => runIn(folder, ...args);

describe("denoise-rotator eval", () => {
  it("should evaluate models side by side, with tasks of one's own, and compare takes what it keeps", () => {
    const tasks = `perplexity,continuation,${ownEvaluators}`;
    const wanted = ["--tasks", tasks, "--limit", "16", "--eval-windows", "3", "--json", "--samples"];
    const { status, stdout, stderr } = run("eval", "tiny", modelDirectory, ...wanted);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const { models } = JSON.parse(stdout);
    expect(models.map(({ model }: { model: string }) => model)).toEqual(["tiny", modelDirectory]);
    const [tiny, same] = models;
    expect(tiny.tasks.map(({ task }: { task: string }) => task)).toEqual([
      "continuation",
      "capitals",
      "continuation-margin",
      "bits-per-byte",
    ]);
    const [continuation, capitals, margin, bits] = tiny.tasks;
    expect(continuation).toMatchObject({ rows: 16, limited: true, truncated: { requests: 0 } });
    // A model that knows nothing is right 4 times of 16, and more than 7 times once in 60.
    expect(continuation.metrics.acc.value).toBeGreaterThan(7 / 16);
    expect(capitals).toMatchObject({ rows: 3, metrics: { margin: { higherIsBetter: true } } });
    expect(margin.metrics.acc).toEqual(continuation.metrics.acc);
    expect(bits.metrics.bits.value).toBeGreaterThan(0.5);
    expect(bits.metrics.bits.value).toBeLessThan(4);
    expect(tiny.windowValues.length).toBe(3);
    expect(same.perplexity).toBe(tiny.perplexity);

    const worse = { ...tiny, model: "worse", windowValues: tiny.windowValues.map((v: number) => v + 0.1) };
    for (const evaluation of [tiny, worse])
      writeFileSync(join(folder, `${evaluation.model}.json`), JSON.stringify(evaluation));
    const compared = run("compare", "tiny.json", "worse.json", "--json");
    expect(compared.stderr).toBe("");
    const { rows, left } = JSON.parse(compared.stdout);
    expect(left).toEqual([]);
    expect(rows[0]).toMatchObject({ task: "perplexity", verdict: "worse", pairs: 3 });
    expect(rows[0].difference).toBeCloseTo(0.1, 9);
    expect(rows.slice(1).map(({ verdict }: { verdict: string }) => verdict)).toEqual(
      rows.slice(1).map(() => "no difference shown"),
    );
    const text = run("compare", "tiny.json", "worse.json").stdout;
    expect(text).toContain("no difference shown");
    expect(text).toContain("perplexity, worse over tiny: 1.1052 (95 % 1.1052 to 1.1052)");
  });

  it("should print a table, and how much of contexts was cut", () => {
    const { stdout } = run(
      "eval",
      "tiny",
      "--tasks",
      "boolq",
      "--data",
      goldenRows,
      "--few-shot",
      "2",
      "--shots",
      "first",
    );
    expect(stdout).toMatch(/boolq acc ↑ +│ 0\.5000 ± 0\.1508/);
    expect(stdout).toMatch(/boolq \(version 2\.0\): 12 rows\n/);
    expect(stdout).toMatch(/2 of 24 requests are longer than the model's context; 16\d tokens were cut/);
  });
});

describe("bad input", () => {
  it.each<[string, RegExp, string[]]>([
    ["an unknown task", /there is no task "piqaa" \(did you mean "piqa"\?\)/, ["--tasks", "piqaa"]],
    ["a missing split", /task piqa: --data \. needs a folder piqa/, ["--tasks", "piqa", "--data", "."]],
    ["a module that is not there", /\.\/mine\.mjs: the module cannot be loaded/, ["--tasks", "./mine.mjs"]],
  ])("should give one clear line for %s", (_, message, args) => {
    const { status, stdout, stderr } = run("eval", "tiny", ...args);
    expect(status).toBeGreaterThan(0);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: .*\n$/);
  });
});
