import { OptionError, type Random } from "@denoise-rotator/core";

export interface SamplingOptions {
  /** Divides the logits; 0, the default, takes the likeliest token, the lowest id among equals. */
  readonly temperature?: number | undefined;
  /**
   * Draws from the fewest likeliest tokens that have this probability together (nucleus sampling, Holtzman et al. 2020);
   * default 1, all.
   */
  readonly topP?: number | undefined;
}

/** @throws OptionError for a temperature below 0 or a share outside (0, 1]. */
export function checkSampling({ temperature = 0, topP = 1 }: SamplingOptions): void {
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY)) {
    throw new OptionError(`temperature ${temperature} is not a number ≥ 0`);
  }
  if (!(topP > 0 && topP <= 1)) throw new OptionError(`topP ${topP} is not in (0, 1]`);
}

/** The id of the next token by finite logits `[vocabulary]`. Takes one number of `random` unless it is greedy. */
export function chooseToken(logits: Float32Array, options: SamplingOptions, random: Random): number {
  const { temperature = 0, topP = 1 } = options;
  const best = likeliest(logits);
  if (temperature === 0) return best;
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - logits[best]!) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return topP < 1
    ? drawFromNucleus(weights, total, topP, random.next())
    : draw(weights, total * random.next());
}

function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
  return best;
}

/** The id in whose part of the line `at` falls, where ids lie one after another. */
function draw(weights: ArrayLike<number>, at: number): number {
  let last = 0;
  for (let id = 0; id < weights.length; id++) {
    if (weights[id] === 0) continue;
    if (at < weights[id]!) return id;
    at -= weights[id]!;
    last = id;
  }
  return last; // rounding
}

function drawFromNucleus(weights: Float64Array, total: number, topP: number, uniform: number): number {
  // What lies below has less than 1 − topP together, so the nucleus ends above it.
  const least = ((1 - topP) * total) / weights.length;
  const ids: number[] = [];
  for (let id = 0; id < weights.length; id++) if (weights[id]! >= least) ids.push(id);
  ids.sort((a, b) => weights[b]! - weights[a]! || a - b);
  let inside = 0;
  let count = 0;
  while (count < ids.length && inside < topP * total) inside += weights[ids[count++]!]!;
  const nucleus = ids.slice(0, count);
  return nucleus[
    draw(
      nucleus.map((id) => weights[id]!),
      inside * uniform,
    )
  ]!;
}
