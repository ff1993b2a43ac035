/** The middle value, or the mean of the two middle ones. NaN for none. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Linear interpolation between order statistics (type 7 of Hyndman & Fan 1996). NaN for none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const [low, high] = [sorted[below], sorted[Math.ceil(at)]];
  return low === undefined || high === undefined ? Number.NaN : low + (at - below) * (high - low);
}

/** Interquartile range over the median: 0 where all values agree. */
export const relativeSpread = (values: readonly number[]): number =>
  (quantile(values, 0.75) - quantile(values, 0.25)) / median(values);

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Sample standard deviation (n − 1); 0 for a single value. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}
