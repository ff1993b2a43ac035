import type {
  ContinuationRequest,
  ContinuationScore,
  LogLikelihoodOptions,
} from "@denoise-rotator/contracts";
import { breathe, fromTyped, NonFiniteError, OptionError } from "@denoise-rotator/core";
import { readFloats } from "../activations.js";
import type { ForwardBlock } from "../forward-block.js";
import { LanguageHead } from "../language-head.js";
import type { Model } from "../model.js";
import { type RopeTables, ropeTables } from "../rope-tables.js";
import { groupTokens, type PrefixGroup, prefixGroups } from "./prefix-groups.js";
import { TokenBatch } from "./token-batch.js";

/** Tokens that go through a block at once, beside a beginning that they share; a longer group goes alone. */
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

/** A batch on its way through the blocks. */
interface Passing {
  readonly batch: TokenBatch<Item>;
  /** Hidden states `[tokens, hidden]`. */
  states: Float32Array;
}

/** See `LanguageModel.scoreContinuations`. What requests begin with alike runs once. */
export async function scoreContinuations(
  model: Model,
  requests: readonly ContinuationRequest[],
  options: LogLikelihoodOptions = {},
): Promise<ContinuationScore[]> {
  const scores: ContinuationScore[] = new Array(requests.length);
  if (requests.length === 0) return scores;
  const items = requests.map((request, index) => itemOf(request, index, model));
  const passes = passesOf(batchesOf(prefixGroups(items, batchTokens)), model.config.hiddenSize);
  const { layerCount } = model.config;
  const tables = ropeTables(
    model.config,
    Math.max(...items.map(({ inputs }) => inputs.length)),
    model.device,
  );
  try {
    for (const [pass, batches] of passes.entries()) {
      const passing = await embedBatches(model, batches);
      for (let index = 0; index < layerCount; index++) {
        using block = await model.loadForward(index);
        for (const each of passing) {
          options.signal?.throwIfAborted();
          await advance(each, block, tables);
          await breathe();
        }
        options.onProgress?.(pass * layerCount + index + 1, passes.length * layerCount);
      }
      using head = await LanguageHead.load(model);
      for (const each of passing) {
        options.signal?.throwIfAborted();
        await scoreBatch(head, each, scores);
        await breathe();
      }
    }
    return scores;
  } finally {
    tables.cosine.dispose();
    tables.sine.dispose();
  }
}

/** Replaces the states by the block's outputs. Throws `NonFiniteError` naming request and block. */
async function advance(each: Passing, block: ForwardBlock, tables: RopeTables): Promise<void> {
  const { batch, states } = each;
  const { hiddenSize, device, name } = block;
  using x = fromTyped(states, [1, batch.tokens, hiddenSize], "f32", device);
  using y = batch.forward(block, x, tables);
  each.states = await readFloats(y);
  const bad = each.states.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  const { request } = batch.memberAt(Math.floor(bad / hiddenSize));
  throw new NonFiniteError(`request ${request}: the outputs of ${name} hold ${each.states[bad]}`);
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

/** Groups that go through a block together, the largest first, so that what does not fit into memory fails at once. */
function batchesOf(groups: readonly PrefixGroup<Item>[]): TokenBatch<Item>[] {
  const sorted = [...groups].sort((a, b) => groupTokens(b) - groupTokens(a));
  const batches: PrefixGroup<Item>[][] = [];
  let room = 0;
  for (const group of sorted) {
    const tokens = groupTokens(group);
    if (tokens > room) {
      batches.push([]);
      room = Math.max(batchTokens, tokens);
    }
    batches.at(-1)!.push(group);
    room -= tokens;
  }
  return batches.map((each) => new TokenBatch(each));
}

/** Batches that pass the blocks together. */
function passesOf(batches: readonly TokenBatch<Item>[], width: number): TokenBatch<Item>[][] {
  const passes: TokenBatch<Item>[][] = [];
  let room = 0;
  for (const batch of batches) {
    const floats = batch.tokens * width;
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
async function embedBatches(model: Model, batches: readonly TokenBatch<Item>[]): Promise<Passing[]> {
  const ids = new Int32Array(batches.reduce((sum, { tokens }) => sum + tokens, 0));
  let end = 0;
  for (const batch of batches) {
    ids.set(batch.ids, end);
    end += batch.tokens;
  }
  const values = await model.embed(ids);
  const width = model.config.hiddenSize;
  let start = 0;
  return batches.map((batch) => {
    const states = values.slice(start, start + batch.tokens * width);
    start += states.length;
    return { batch, states };
  });
}

async function scoreBatch(
  head: LanguageHead,
  { batch, states }: Passing,
  scores: ContinuationScore[],
): Promise<void> {
  const { members: items, tokens } = batch;
  const width = states.length / tokens;
  const total = items.reduce((sum, { continuation }) => sum + continuation.length, 0);
  const rows = new Float32Array(total * width);
  const targets = new Int32Array(total);
  let end = 0;
  for (const [i, { inputs, continuation }] of items.entries()) {
    targets.set(continuation, end);
    for (let position = inputs.length - continuation.length; position < inputs.length; position++) {
      const row = batch.row(i, position);
      rows.set(states.subarray(row * width, (row + 1) * width), end * width);
      end++;
    }
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
