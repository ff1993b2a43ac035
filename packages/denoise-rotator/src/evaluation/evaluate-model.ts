import type { Backend } from "@denoise-rotator/core";
import type {
  EvaluationResult,
  Evaluator,
  FewShotOptions,
  PerplexityResult,
} from "@denoise-rotator/evaluators";
import { evaluate } from "../pipeline/evaluate.js";
import { fetchOptions } from "../pipeline/fetch-options.js";
import { requireMemory } from "../pipeline/memory/memory-plan.js";
import { planOfEvaluation } from "../pipeline/memory/run-plan.js";
import { type DenseOption, openNamedModel } from "../pipeline/named-model.js";
import type { ProgressEvent, PruneOptions } from "../pipeline/options.js";
import { packageVersions } from "../pipeline/run-record.js";
import { rowSource } from "./row-source.js";
import { subjectOf } from "./subject.js";

export const evaluationVersion = 1;

export interface EvaluateModelOptions extends DenseOption {
  /** Perplexity, or `undefined` for tasks alone. */
  readonly perplexity:
    | { readonly text: string | null; readonly windows: number; readonly windowLength?: number }
    | undefined;
  /** What the process may take, and how activations are kept. */
  readonly memory?: Pick<PruneOptions, "memory" | "scratch" | "activations">;
  readonly evaluators: readonly Evaluator[];
  /** A folder of rows, see `rowSource`; default the Hub. */
  readonly data?: string | undefined;
  /** Rows of a task at most. */
  readonly limit?: number | undefined;
  readonly fewShot: FewShotOptions;
  /** Keep what every window and row came to, for `compare`. */
  readonly samples: boolean;
  readonly progress?: (event: ProgressEvent) => void;
  /** Told what does not stop the work, such as a download that is tried again. */
  readonly onNotice?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** What `eval --json` prints of a model. */
export interface ModelEvaluation extends Partial<PerplexityResult> {
  readonly schemaVersion: typeof evaluationVersion;
  readonly model: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly backend: string;
  /** What the perplexity is of; `null` for the embedded text. */
  readonly text?: string | null;
  /** Mean of −ln p of every window, where samples are kept. */
  readonly windowValues?: readonly number[];
  readonly tasks: readonly EvaluationResult[];
}

/** Perplexity and tasks of one model, which is opened and closed. */
export async function evaluateModel(
  name: string,
  device: Backend,
  options: EvaluateModelOptions,
): Promise<ModelEvaluation> {
  const { evaluators, data, limit, fewShot, samples, signal } = options;
  const hub = fetchOptions({ ...options, onProgress: options.progress });
  await using model = await openNamedModel(name, device, { ...hub, dense: options.dense });
  const { perplexity } = options;
  const windowLength = perplexity?.windowLength ?? Math.min(model.contextLength, 2048);
  const { memory, scratch, activations = "f32" } = options.memory ?? {};
  const plan = { memory, activations, windowLength, windows: perplexity?.windows ?? 1 };
  const { inMemory } = requireMemory(model, planOfEvaluation(model, plan)).activations;
  model.keepActivations({ memory: inMemory, scratch, dtype: activations });
  const windowValues: number[] = [];
  const result =
    perplexity &&
    (await evaluate(model, {
      text: perplexity.text,
      windowLength,
      windows: perplexity.windows,
      stage: "evaluate",
      ...(options.progress ? { progress: options.progress } : {}),
      signal,
      onWindow: (value) => windowValues.push(value),
    }));
  const source = rowSource(data, hub);
  const tasks: EvaluationResult[] = [];
  for (const evaluator of evaluators) {
    const stage = `evaluate ${evaluator.name}`;
    const found = await evaluator.evaluate(await subjectOf(model), {
      source,
      fewShot,
      samples,
      ...(limit === undefined ? {} : { limit }),
      ...(signal ? { signal } : {}),
      onProgress: (block, blocks) => options.progress?.({ stage, block, blocks }),
    });
    tasks.push(found);
  }
  return {
    schemaVersion: evaluationVersion,
    model: name,
    versions: packageVersions(),
    backend: device.name,
    ...(result ? { text: perplexity.text, ...result } : {}),
    ...(result && samples ? { windowValues } : {}),
    tasks,
  };
}
