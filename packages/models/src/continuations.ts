import type {
  ContinuationRequest,
  ContinuationScore,
  LogLikelihoodOptions,
} from "@denoise-rotator/contracts";
import { breathe, NonFiniteError, OptionError } from "@denoise-rotator/core";
import { Activations } from "./activations.js";
import { LanguageHead } from "./language-head.js";
import type { Model } from "./model.js";

/** Tokens that go through a block at once, padding included; a longer window goes alone. */
const batchTokens = 2048;
/** Floats of activations that one pass over the blocks may hold on the host. */
const passFloats = 2 ** 26;

/** A request as the model reads it. */
interface Item {
  readonly request: number;
  /** Context and continuation without its last token. */
  readonly inputs: Int32Array;
  readonly continuation: Int32Array;
  readonly dropped: number;
}

/** Items of similar length as rows of one length, padded on the right: attention looks left, so that changes nothing. */
interface Batch {
  readonly items: readonly Item[];
  readonly length: number;
}

/** See `LanguageModel.scoreContinuations`. */
export async function scoreContinuations(
  model: Model,
  requests: readonly ContinuationRequest[],
  options: LogLikelihoodOptions = {},
): Promise<ContinuationScore[]> {
  const items = requests.map((request, index) => itemOf(request, index, model));
  const passes = passesOf(batchesOf(items), model.config.hiddenSize);
  const { layerCount } = model.config;
  const scores: ContinuationScore[] = new Array(requests.length);
  for (const [pass, batches] of passes.entries()) {
    const states = await embedBatches(model, batches);
    for (let index = 0; index < layerCount; index++) {
      options.signal?.throwIfAborted();
      using block = await model.loadBlock(index);
      for (const activations of states) await block.run(activations, options.signal);
      options.onProgress?.(pass * layerCount + index + 1, passes.length * layerCount);
    }
    using head = await LanguageHead.load(model);
    for (const [batch, { items }] of batches.entries()) {
      options.signal?.throwIfAborted();
      await scoreBatch(head, items, states[batch]!, scores);
      await breathe();
    }
  }
  return scores;
}

function itemOf(
  { context, continuation }: ContinuationRequest,
  request: number,
  { name, contextLength, vocabularySize }: Model,
): Item {
  if (context.length === 0 || continuation.length === 0) {
    throw new OptionError(
      `request ${request}: its ${context.length === 0 ? "context" : "continuation"} is empty; give one token at least`,
    );
  }
  if (continuation.length > contextLength) {
    throw new OptionError(
      `request ${request}: a continuation of ${continuation.length} tokens is longer than the context of ${contextLength} of ${name}; leave it out`,
    );
  }
  const ids = new Int32Array(context.length + continuation.length);
  ids.set(context);
  ids.set(continuation, context.length);
  const bad = ids.findIndex((id) => id < 0 || id >= vocabularySize);
  if (bad >= 0) {
    throw new OptionError(
      `request ${request}: token id ${ids[bad]} at ${bad} is outside the vocabulary of ${vocabularySize}; is the tokenizer the model's own?`,
    );
  }
  const dropped = Math.max(0, ids.length - (contextLength + 1));
  return { request, inputs: ids.subarray(dropped, -1), continuation, dropped };
}

/** Longest first, so that what does not fit into memory fails at once. */
function batchesOf(items: readonly Item[]): Batch[] {
  const sorted = [...items].sort((a, b) => b.inputs.length - a.inputs.length || a.request - b.request);
  const batches: Batch[] = [];
  for (let first = 0; first < sorted.length; ) {
    const { length } = sorted[first]!.inputs;
    const count = Math.max(1, Math.floor(batchTokens / length));
    batches.push({ items: sorted.slice(first, first + count), length });
    first += count;
  }
  return batches;
}

/** Batches that pass the blocks together. */
function passesOf(batches: readonly Batch[], width: number): Batch[][] {
  const passes: Batch[][] = [];
  let room = 0;
  for (const batch of batches) {
    const floats = batch.items.length * batch.length * width;
    if (floats > room || passes.length === 0) {
      passes.push([]);
      room = Math.max(passFloats, floats);
    }
    passes.at(-1)!.push(batch);
    room -= floats;
  }
  return passes;
}

/** What the first block reads; all of a pass is looked up at once, since that reads much of the embedding. */
async function embedBatches(model: Model, batches: readonly Batch[]): Promise<Activations[]> {
  const total = batches.reduce((sum, { items, length }) => sum + items.length * length, 0);
  const ids = new Int32Array(total);
  let end = 0;
  for (const { items, length } of batches) {
    for (const { inputs } of items) {
      ids.set(inputs, end);
      end += length;
    }
  }
  const values = await model.embed(ids);
  const width = model.config.hiddenSize;
  let start = 0;
  return batches.map(({ items, length }) => {
    const count = items.length;
    const activations = new Activations({ count, length, width, batchWindows: count });
    const size = count * length * width;
    activations.replace(0, values.slice(start, start + size), model.family.embedding);
    start += size;
    return activations;
  });
}

async function scoreBatch(
  head: LanguageHead,
  items: readonly Item[],
  states: Activations,
  scores: ContinuationScore[],
): Promise<void> {
  const { width } = states;
  const total = items.reduce((sum, { continuation }) => sum + continuation.length, 0);
  const rows = new Float32Array(total * width);
  const targets = new Int32Array(total);
  let end = 0;
  for (const [i, { inputs, continuation }] of items.entries()) {
    const from = (inputs.length - continuation.length) * width;
    rows.set(states.window(i).subarray(from, inputs.length * width), end * width);
    targets.set(continuation, end);
    end += continuation.length;
  }
  const { logLikelihoods, greedy } = await head.tokenScores(rows, targets);
  let start = 0;
  for (const { request, continuation, dropped } of items) {
    const stop = start + continuation.length;
    const logLikelihood = logLikelihoods.subarray(start, stop).reduce((sum, value) => sum + value, 0);
    if (!Number.isFinite(logLikelihood)) {
      throw new NonFiniteError(`request ${request}: logits hold NaN or infinity`);
    }
    scores[request] = { logLikelihood, greedy: greedy.slice(start, stop).every(Boolean), dropped };
    start = stop;
  }
}
