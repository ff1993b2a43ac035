/*
 * Evaluators of your own, for `--tasks ./own-evaluators.mjs`. A module exports by default a task, an evaluator, a list of them, or,
 * as here, a function that is given the built-in tasks and metrics, so that it needs no import.
 */

/** A metric: by how many nats the right choice is ahead of the best wrong one, on average. */
const margin = {
  name: "margin",
  higherIsBetter: true,
  value({ scores, answer }) {
    const others = scores.filter((_, choice) => choice !== answer);
    return scores[answer].logLikelihood - Math.max(...others.map(({ logLikelihood }) => logLikelihood));
  },
};

/** A task of your own, as data; its rows may also lie in a folder given by `--data`. */
const capitals = {
  name: "capitals",
  version: "1",
  dataset: { id: "of-my-own", split: "test" },
  rows: () => [
    { state: "the Union", places: ["Washington", "the whale", "the boat"], right: 0 },
    { state: "Great Britain", places: ["a harpoon", "London"], right: 1 },
    { state: "France", places: ["Paris", "the captain", "a treaty"], right: 0 },
  ],
  kind: "choices",
  prompt: "The capital of {state} is",
  choices: "{places}",
  answer: "{right}",
  metrics: ["acc", margin],
};

/** What is no task: bits that the model needs for each byte of a text. */
const bitsPerByte = {
  name: "bits-per-byte",
  version: "1",
  async evaluate({ model, tokenizer, prefixToken }) {
    const text = "It is recommended that the Congress make provision for the public debt.";
    const window = Int32Array.of(prefixToken, ...tokenizer.encode(text));
    let nats = 0;
    for await (const values of model.logLikelihoods([window])) nats -= values.reduce((a, b) => a + b, 0);
    const value = nats / Math.LN2 / new TextEncoder().encode(text).length;
    return {
      task: "bits-per-byte",
      version: "1",
      rows: 1,
      metrics: { bits: { value, standardError: null, higherIsBetter: false } },
      samples: [{ row: 0, values: { bits: value } }],
    };
  },
};

export default ({ findTask }) => {
  // A built-in task with one more metric is a task of its own, so it gets a name of its own.
  const continuation = findTask("continuation");
  const withMargin = {
    ...continuation,
    name: "continuation-margin",
    metrics: [...continuation.metrics, margin],
  };
  return [capitals, withMargin, bitsPerByte];
};
