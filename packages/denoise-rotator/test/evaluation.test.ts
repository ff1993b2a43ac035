import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { OptionError } from "@denoise-rotator/core";
import { findTask, type Row, TaskError } from "@denoise-rotator/evaluators";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareEvaluations } from "../src/evaluation/compare-evaluations.js";
import type { ModelEvaluation } from "../src/evaluation/evaluate-model.js";
import { readEvaluation } from "../src/evaluation/read-evaluation.js";
import { loadEvaluators, rowSource } from "../src/index.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "denoise-rotator-evaluation-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const piqa = findTask("piqa");
const row = '{"goal":"g","sol1":"a","sol2":"b","label":0}';

async function read(files: Record<string, string>): Promise<Row[]> {
  const data = mkdtempSync(join(folder, "data-"));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(data, path)), { recursive: true });
    writeFileSync(join(data, path), content);
  }
  const rows: Row[] = [];
  for await (const found of rowSource(data).rows(piqa, "validation")) rows.push(found);
  return rows;
}

describe("rowSource", () => {
  it("should read the split of the task alone, as lines and lists alike", async () => {
    const expected = [JSON.parse(row), JSON.parse(row)];
    const others = { "piqa/train.jsonl": '{"no":1}', "boolq/validation.jsonl": '{"no":2}' };
    expect(await read({ ...others, "piqa/validation.jsonl": `${row}\r\n\n${row}` })).toEqual(expected);
    expect(await read({ ...others, "piqa/validation.json": `[${row},${row}]` })).toEqual(expected);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["a line that is cut", { "piqa/validation.jsonl": `${row}\n{"goal"\n` }, /validation\.jsonl.*2/],
    ["another split", { "piqa/train.jsonl": row }, /piqa: has no split validation; it has train\.jsonl/],
    ["no folder of the task", { "boolq/validation.jsonl": row }, /needs a folder piqa .*holds boolq/],
  ])("should name file and place of %s", async (_, files, message) => {
    await expect(read(files)).rejects.toThrow(message);
  });

  it("should have the embedded rows, and say so of other splits", async () => {
    const continuation = findTask("continuation");
    for await (const first of rowSource().rows(continuation, "test")) {
      expect(Object.keys(first)).toEqual(["context", "endings", "label"]);
      break;
    }
    const other = rowSource().rows(continuation, "train")[Symbol.asyncIterator]().next();
    await expect(other).rejects.toThrow("has a split test and no train");
  });
});

describe("loadEvaluators", () => {
  const load = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return loadEvaluators([join(folder, name)]);
  };
  const task = (differs: object) =>
    `export default ${JSON.stringify({
      ...{ name: "mine", version: "1", kind: "continuation", prompt: "a", continuation: "b" },
      ...{ dataset: { id: "x", split: "y" }, metrics: ["acc"], ...differs },
    })};`;

  it("should take names, and modules with a task", async () => {
    const evaluators = [...(await loadEvaluators(["piqa"])), ...(await load("fine.mjs", task({})))];
    expect(evaluators.map(({ name, version }) => [name, version])).toEqual([
      ["piqa", "1.0"],
      ["mine", "1"],
    ]);
    await expect(loadEvaluators(["piqa", "piqa"])).rejects.toThrow("piqa is there twice");
  });

  it.each<[string, string, RegExp]>([
    ["that throws", "throw new Error('oops');", /the module cannot be loaded \(oops\)/],
    ["without a default export", "export const task = 1;", /has no default export that is a task/],
    ["with an empty list", "export default [];", /exports an empty list/],
    ["without a version", task({ version: undefined }), /its default export has no version/],
    ["without choices", task({ kind: "choices" }), /mine: of kind choices, has no choices, answer/],
    ["of no kind", task({ kind: "quiz" }), /kind is none of choices, contexts, continuation/],
    ["without a split", task({ dataset: { id: "x" } }), /has no dataset with id and split/],
    ["with an unknown metric", task({ metrics: ["f2"] }), /there is no metric "f2"; there are acc, /],
    [
      "with half a metric",
      task({ metrics: [{ name: "m" }] }),
      /a metric needs name, higherIsBetter and value/,
    ],
  ])("should say what is wrong with a module %s", async (what, content, message) => {
    const failure = load(`${what.replaceAll(" ", "-")}.mjs`, content);
    await expect(failure).rejects.toThrow(TaskError);
    await expect(failure).rejects.toThrow(message);
  });
});

describe("compareEvaluations", () => {
  const samples = [0, 1, 1].map((value, index) => ({ row: index, values: { acc: value } }));
  const result = {
    ...{ task: "mine", version: "1", rows: 3, samples },
    metrics: { acc: { value: 2 / 3, standardError: 0.3, higherIsBetter: true } },
  };
  const evaluation = (differs: Partial<ModelEvaluation>): ModelEvaluation => ({
    ...{ schemaVersion: 1, model: "m", versions: {}, backend: "cpu", tasks: [result], ...differs },
  });

  it.each<[string, Partial<ModelEvaluation>, string]>([
    ["another version", { tasks: [{ ...result, version: "2" }] }, "is version 1 of the one, 2 of the other"],
    ["fewer rows", { tasks: [{ ...result, rows: 2 }] }, "has 3 rows of the one, 2 of the other"],
    ["no samples", { tasks: [{ ...result, samples: undefined as never }] }, "evaluate with --samples"],
    ["other tasks", { tasks: [{ ...result, task: "yours" }] }, "mine: only the first model has it"],
  ])("should not pair %s, and say why", (_, differs, message) => {
    const compare = () => compareEvaluations(evaluation({}), evaluation(differs));
    expect(compare).toThrow(OptionError);
    expect(compare).toThrow(message);
  });

  it("should leave out what cannot be paired and keep the rest", () => {
    const perplexity = { perplexity: 3, windows: 2, windowLength: 8, tokens: 14, text: null };
    const first = evaluation({ ...perplexity, windowValues: [1, 2] });
    const other = { ...perplexity, windows: 3, windowValues: [1, 2, 3] };
    const { rows, left } = compareEvaluations(first, evaluation(other));
    expect(rows.map(({ task, verdict }) => [task, verdict])).toEqual([["mine", "no difference shown"]]);
    expect(left).toEqual(["perplexity: windows is 2 of the one, 3 of the other"]);
    const same = compareEvaluations(first, evaluation({ ...perplexity, windowValues: [2, 3] }));
    expect(same.rows[0]).toMatchObject({ task: "perplexity", difference: 1, verdict: "worse" });
  });
});

describe("readEvaluation", () => {
  it.each<[string, string, RegExp]>([
    ["no JSON", "{", /cannot be read as JSON/],
    ["another file", "{}", /is not what eval --json writes/],
    ["several models", '{"models":[{},{}]}', /holds 2 models; evaluate one a file/],
  ])("should name a file that is %s", async (_, content, message) => {
    const path = join(folder, "saved.json");
    writeFileSync(path, content);
    await expect(readEvaluation(path)).rejects.toThrow(OptionError);
    await expect(readEvaluation(path)).rejects.toThrow(message);
  });
});
