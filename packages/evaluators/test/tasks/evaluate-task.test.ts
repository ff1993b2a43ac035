import { NonFiniteError, OptionError } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { evaluateTask, findTask, type Row, type Task, TaskError } from "../../src/index.js";
import { modelOf } from "./task-model.js";

const piqa = findTask("piqa");
const row = (goal: string, sol1: string, sol2: string, label: unknown): Row => ({ goal, sol1, sol2, label });
const source = (splits: Record<string, readonly Row[]>) => ({
  async *rows(_task: Task, split: string) {
    yield* splits[split] ?? [];
  },
});
const validation = [row("Dry", "sun", "sea it", 0), row("Wet", "tar", "rain", 1), row("Cut", "axe", "é", 1)];
const evaluation = source({ validation });
/** Every character costs one. */
const byLength = (text: string) => -text.length;

describe("evaluateTask", () => {
  it("should ask the prompt before each choice and count what is likeliest", async () => {
    const { subject, asked } = modelOf(byLength);
    const result = await evaluateTask(subject, piqa, { source: evaluation, samples: true });
    expect(asked.slice(0, 2)).toEqual([
      { context: "\u0001Question: Dry\nAnswer:", continuation: " sun" },
      { context: "\u0001Question: Dry\nAnswer:", continuation: " sea it" },
    ]);
    // The shorter choice is taken: right for the first row and the last.
    expect(result.samples!.map(({ values }) => values.acc)).toEqual([1, 0, 1]);
    expect(result.metrics.acc!.value).toBeCloseTo(2 / 3, 12);
    expect(result.metrics.acc!.standardError).toBeCloseTo(Math.sqrt(2 / 3 / 2 / 3), 12);
    expect(result).toMatchObject({ task: "piqa", version: "1.0", rows: 3, limited: false });
    expect(result.truncated).toEqual({ requests: 0, ofRequests: 6, tokens: 0 });
  });

  it("should normalise by characters, and acc_bytes by bytes", async () => {
    const { subject } = modelOf((text) => ({ " axe": -3, " é": -1.5, " tar": -2 })[text] ?? -9);
    const task = { ...piqa, metrics: ["acc_norm", "acc_bytes"] as const };
    const result = await evaluateTask(subject, task, { source: evaluation, samples: true });
    // é is one character and two bytes: −1.5 against −1 a character of "axe", −0.75 a byte.
    expect(result.samples![2]!.values).toEqual({ acc_norm: 0, acc_bytes: 1 });
  });

  it("should put few-shot examples before, and draw random ones by seed whatever the limit", async () => {
    const train = Array.from({ length: 9 }, (_, i) => row(`g${i}`, `a${i}`, `b${i}`, i % 2));
    const rows = source({ validation, train });
    const run = async (options: object) => {
      const { subject, asked } = modelOf(byLength);
      await evaluateTask(subject, piqa, { source: rows, ...options });
      return asked.map(({ context }) => context);
    };
    const [first] = await run({ fewShot: { count: 2, sampler: "first" } });
    expect(first).toBe(
      "\u0001Question: g0\nAnswer: a0\n\nQuestion: g1\nAnswer: b1\n\nQuestion: Dry\nAnswer:",
    );
    const random = { count: 3, sampler: "random", seed: 5 } as const;
    const all = await run({ fewShot: random });
    expect(await run({ fewShot: random, limit: 2 })).toEqual(all.slice(0, 4));
    expect(await run({ fewShot: { ...random, seed: 6 } })).not.toEqual(all);
    const goals = all[0]!.match(/g\d/g)!;
    expect(new Set(goals).size).toBe(3);
  });

  it("should never give a row as its own example", async () => {
    const { fewShotSplit: _, ...dataset } = piqa.dataset;
    const { subject, asked } = modelOf(byLength);
    for (const sampler of ["first", "random"] as const) {
      await evaluateTask(
        subject,
        { ...piqa, dataset },
        { source: evaluation, fewShot: { count: 2, sampler } },
      );
    }
    expect(asked.length).toBe(12);
    for (const { context } of asked) expect(new Set(context.match(/Dry|Wet|Cut/g)).size).toBe(3);
  });

  it("should count what was cut, and say that a limit left rows out", async () => {
    const { subject } = modelOf(byLength, 26);
    const result = await evaluateTask(subject, piqa, { source: evaluation, limit: 2 });
    // 1 + 21 tokens of context and 4, 7, 4, 5 of the choices: 27 fit.
    expect(result.truncated).toEqual({ requests: 1, ofRequests: 4, tokens: 2 });
    expect(result).toMatchObject({ rows: 2, limited: true });
    expect((await evaluateTask(subject, piqa, { source: evaluation, limit: 3 })).limited).toBe(false);
  });

  it.each<[string, Row | undefined, string]>([
    [
      "a missing column",
      { goal: "g", sol1: "a", label: 0 },
      'row 3: there is no column "sol2"; there are: goal',
    ],
    ["an empty choice", row("g", "", "b", 0), "row 3: choice 0 is empty"],
    ["a label out of range", row("g", "a", "b", 2), "the answer 2 is none of the 2 choices"],
    ["a split without labels", row("g", "a", "b", -1), "does the split have answers?"],
    ["a column of another type", row("g", "a", ["b"] as never, 0), 'column "sol2" is a list'],
    ["a choice longer than the context", row("g", "a", "b".repeat(1000), 0), "choice 1 has 1001 tokens"],
  ])("should name task, split and row of %s", async (_, bad, message) => {
    const { subject } = modelOf(byLength);
    const given = source({ validation: [...validation, bad!] });
    const failure = evaluateTask(subject, piqa, { source: given });
    await expect(failure).rejects.toThrow(TaskError);
    await expect(failure).rejects.toThrow("task piqa, validation row 3");
    await expect(failure).rejects.toThrow(message);
  });

  it("should refuse an empty split, too few examples, and a model that cannot score or gives NaN", async () => {
    const { subject } = modelOf(byLength);
    await expect(evaluateTask(subject, piqa, { source: source({}) })).rejects.toThrow(
      "validation has no rows",
    );
    const shots = evaluateTask(subject, piqa, { source: evaluation, fewShot: { count: 1 } });
    await expect(shots).rejects.toThrow("split train has 0 rows");
    const { scoreContinuations: _, ...silent } = subject.model;
    const unable = evaluateTask({ ...subject, model: silent }, piqa, { source: evaluation });
    await expect(unable).rejects.toThrow(OptionError);
    const broken = modelOf((text) => (text === " rain" ? Number.NaN : -1));
    const nan = evaluateTask(broken.subject, piqa, { source: evaluation });
    await expect(nan).rejects.toThrow(NonFiniteError);
    await expect(nan).rejects.toThrow("validation row 1");
  });
});

describe("findTask", () => {
  it("should suggest what was meant, and list what there is", () => {
    expect(() => findTask("piqq")).toThrow('did you mean "piqa"?');
    expect(() => findTask("something else")).toThrow(/^there is no task "something else"; there are: piqa, /);
  });
});
