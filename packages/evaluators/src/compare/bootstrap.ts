import { OptionError, Random } from "@denoise-rotator/core";

export interface BootstrapOptions {
  /** Share of intervals that hold the truth; default 0.95. */
  readonly level?: number;
  readonly seed?: number;
  /** Default 10,000, fewer for many values: 20 million draws at most, 1000 resamples at least. */
  readonly resamples?: number;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * The percentile bootstrap's interval for the mean of paired differences (Efron and Tibshirani, An introduction to the
 * bootstrap, 1993, §13; for paired outputs of two models Koehn, EMNLP 2004): pairs are drawn with replacement.
 *
 * @throws OptionError for no values or a level outside (0, 1).
 */
export function bootstrapMean(differences: readonly number[], options: BootstrapOptions = {}): Interval {
  const count = differences.length;
  const { level = 0.95, seed = 0 } = options;
  if (count === 0) throw new OptionError("bootstrap: there are no values");
  if (!(level > 0 && level < 1)) throw new OptionError(`bootstrap: level ${level} is not between 0 and 1`);
  const { resamples = Math.min(10_000, Math.max(1000, Math.floor(2e7 / count))) } = options;
  const random = new Random(seed);
  const means = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    let sum = 0;
    // 32 bits are enough: counts are far below 2³², so no index is favoured measurably.
    for (let i = 0; i < count; i++) sum += differences[Math.floor((random.bits() / 2 ** 32) * count)]!;
    means[resample] = sum / count;
  }
  means.sort();
  const tail = (1 - level) / 2;
  return { low: quantile(means, tail), high: quantile(means, 1 - tail) };
}

/** Of ascending values, between neighbours linearly. */
function quantile(values: Float64Array, share: number): number {
  const place = share * (values.length - 1);
  const below = Math.floor(place);
  const [low, high] = [values[below]!, values[Math.min(below + 1, values.length - 1)]!];
  return low + (place - below) * (high - low);
}
