import { OptionError } from "@denoise-rotator/core";
import {
  type BootstrapOptions,
  comparePaired,
  type EvaluationResult,
  type PairedComparison,
} from "@denoise-rotator/evaluators";
import type { ModelEvaluation } from "./evaluate-model.js";

/** One figure of two models. */
export interface ComparisonRow extends PairedComparison {
  /** A task, or `perplexity`. */
  readonly task: string;
  /** Of `perplexity`: `ln p`, the mean of −ln p over windows, in nats; its difference is the logarithm of the perplexities' ratio. */
  readonly metric: string;
  readonly higherIsBetter: boolean;
  /** The second model is `better` or `worse` than the first, where a difference is shown. */
  readonly verdict: "better" | "worse" | "no difference shown";
}

export interface Comparison {
  readonly first: string;
  readonly second: string;
  readonly seed: number;
  readonly rows: readonly ComparisonRow[];
  /** What only one of the two has, or what they have of different data. */
  readonly left: readonly string[];
}

/**
 * Compares two models window by window and row by row on whatever both were evaluated on, with samples.
 *
 * @throws OptionError where there is nothing to pair, saying why.
 */
export function compareEvaluations(
  first: ModelEvaluation,
  second: ModelEvaluation,
  options: BootstrapOptions = {},
): Comparison {
  const rows: ComparisonRow[] = [];
  const left: string[] = [];
  if (first.perplexity !== undefined || second.perplexity !== undefined) {
    const reason = perplexityMismatch(first, second);
    if (reason) left.push(`perplexity: ${reason}`);
    else {
      const paired = comparePaired(first.windowValues!, second.windowValues!, options);
      rows.push(judged("perplexity", "ln p", false, paired));
    }
  }
  for (const task of new Set([...first.tasks, ...second.tasks].map(({ task }) => task))) {
    const [one, other] = [first, second].map(({ tasks }) => tasks.find((result) => result.task === task));
    const reason = taskMismatch(one, other);
    if (reason) left.push(`${task}: ${reason}`);
    else rows.push(...taskRows(one!, other!, options));
  }
  if (rows.length === 0) {
    throw new OptionError(
      `nothing of ${first.model} and ${second.model} can be paired: ${left.join("; ") || "both are empty"}`,
    );
  }
  return { first: first.model, second: second.model, seed: options.seed ?? 0, rows, left };
}

function taskRows(first: EvaluationResult, second: EvaluationResult, options: BootstrapOptions) {
  return Object.entries(first.metrics).map(([metric, { higherIsBetter }]) => {
    const values = (result: EvaluationResult) => result.samples!.map((sample) => sample.values[metric]!);
    // A perplexity's values are log-likelihoods, of which more is better.
    const better = higherIsBetter || metric === "perplexity";
    return judged(
      first.task,
      metric === "perplexity" ? "ln p" : metric,
      better,
      comparePaired(values(first), values(second), options),
    );
  });
}

function judged(
  task: string,
  metric: string,
  higherIsBetter: boolean,
  paired: PairedComparison,
): ComparisonRow {
  const better = paired.difference > 0 === higherIsBetter;
  const verdict = !paired.shown ? "no difference shown" : better ? "better" : "worse";
  return { task, metric, higherIsBetter, ...paired, verdict };
}

const noSamples = "has no samples; evaluate with --samples";

function perplexityMismatch(first: ModelEvaluation, second: ModelEvaluation): string | undefined {
  for (const evaluation of [first, second]) {
    if (evaluation.perplexity === undefined) return `${evaluation.model} has none`;
    if (!evaluation.windowValues) return `${evaluation.model} ${noSamples}`;
  }
  const parts = ["text", "windows", "windowLength", "tokens"] as const;
  const differs = parts.find((part) => first[part] !== second[part]);
  return differs && `${differs} is ${first[differs]} of the one, ${second[differs]} of the other`;
}

function taskMismatch(
  first: EvaluationResult | undefined,
  second: EvaluationResult | undefined,
): string | undefined {
  if (!first || !second) return `only the ${first ? "first" : "second"} model has it`;
  if (!first.samples || !second.samples) return noSamples;
  if (first.version !== second.version)
    return `is version ${first.version} of the one, ${second.version} of the other`;
  if (first.rows !== second.rows) return `has ${first.rows} rows of the one, ${second.rows} of the other`;
  const shots = [first, second].map((result) => JSON.stringify("fewShot" in result ? result.fewShot : null));
  if (shots[0] !== shots[1]) return `has few-shot examples ${shots[0]} of the one, ${shots[1]} of the other`;
  const metrics = [first, second].map((result) => Object.keys(result.metrics).join(", "));
  return metrics[0] === metrics[1] ? undefined : `has ${metrics[0]} of the one, ${metrics[1]} of the other`;
}
