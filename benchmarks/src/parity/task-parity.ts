import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Tokenizer } from "@denoise-rotator/checkpoint";
import type { Backend } from "@denoise-rotator/core";
import { rowSource, subjectOf } from "@denoise-rotator/denoise-rotator";
import { evaluateTask, findTask, type TaskResult } from "@denoise-rotator/evaluators";
import { openModel } from "@denoise-rotator/models";
import { modelDirectory } from "@denoise-rotator/tiny-llama";

const folder = fileURLToPath(new URL("../../../goldens/tasks", import.meta.url));

/** What the harness made of one task, as `goldens/tasks/make.py` keeps it. */
interface GoldenRun {
  readonly task: string;
  readonly shots: number;
  readonly sampler: "first_n" | "default";
  readonly firstToken: boolean;
  readonly version: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly rows: readonly (Readonly<Record<string, number>> & {
    readonly scores: readonly (readonly [number, boolean])[];
  })[];
}

export interface ParityRow {
  readonly run: string;
  readonly rows: number;
  /** Largest difference of a log-likelihood, in nats. */
  readonly scoreError: number;
  /** Requests that only one of the two calls greedy. */
  readonly greedyDifferences: number;
  /** Rows whose metrics differ. */
  readonly rowDifferences: number;
  /** Requests cut from the left. */
  readonly truncated: number;
  readonly metrics: readonly {
    readonly name: string;
    readonly ours: number;
    readonly theirs: number;
    readonly ourError: number;
    readonly theirError: number;
  }[];
}

export interface TaskParity {
  /** Versions of what made the reference. */
  readonly source: string;
  readonly backend: string;
  readonly rows: readonly ParityRow[];
}

/** Our figures beside those of lm-evaluation-harness, on the same rows with the same model. */
export async function measureTaskParity(device: Backend): Promise<TaskParity> {
  const { source, runs } = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as {
    source: string;
    runs: Record<string, GoldenRun>;
  };
  await using model = await openModel(modelDirectory, { device });
  const subject = await subjectOf(model);
  const beginning = { ...subject, tokenizer: await tokenizerWithFirstToken() };
  const rows: ParityRow[] = [];
  for (const [run, golden] of Object.entries(runs)) {
    const result = await evaluateTask(golden.firstToken ? beginning : subject, findTask(golden.task), {
      source: rowSource(join(folder, "data")),
      fewShot: { count: golden.shots, sampler: golden.sampler === "first_n" ? "first" : "random" },
      samples: true,
    });
    rows.push(compare(run, golden, result));
  }
  return { source, backend: device.name, rows };
}

/** The embedded tokenizer, but that it begins every text with its token 0. */
async function tokenizerWithFirstToken(): Promise<Tokenizer> {
  const json = JSON.parse(await readFile(join(modelDirectory, "tokenizer.json"), "utf8"));
  const token = { SpecialToken: { id: "<|eot|>", type_id: 0 } };
  const text = { Sequence: { id: "A", type_id: 0 } };
  const post_processor = {
    type: "TemplateProcessing",
    single: [token, text],
    pair: [text, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: { "<|eot|>": { id: "<|eot|>", ids: [0], tokens: ["<|eot|>"] } },
  };
  return new Tokenizer({ ...json, post_processor });
}

function compare(
  run: string,
  golden: GoldenRun,
  { samples, metrics, rows, truncated }: TaskResult,
): ParityRow {
  let [scoreError, greedyDifferences, rowDifferences] = [0, 0, 0];
  for (const [i, { scores, values }] of samples!.entries()) {
    const theirs = golden.rows[i]!;
    for (const [choice, [logLikelihood, greedy]] of theirs.scores.entries()) {
      const own = scores[choice]!;
      scoreError = Math.max(scoreError, Math.abs(own.logLikelihood - logLikelihood));
      if (own.greedy !== greedy) greedyDifferences++;
    }
    const differs = (name: string) => Math.abs(values[name]! - theirs[name]!) > 1e-3;
    if (scores.length !== theirs.scores.length || Object.keys(values).some(differs)) rowDifferences++;
  }
  if (rows !== golden.rows.length)
    throw new Error(`${run}: ${rows} rows, the harness had ${golden.rows.length}`);
  return {
    run,
    rows,
    scoreError,
    greedyDifferences,
    rowDifferences,
    truncated: truncated.requests,
    metrics: Object.entries(metrics).map(([name, { value, standardError }]) => ({
      name,
      ours: value,
      theirs: golden.metrics[name]!,
      ourError: standardError!,
      theirError: golden.metrics[`${name}_stderr`]!,
    })),
  };
}
