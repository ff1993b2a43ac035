/** How often exactly one of two models is right. */
export interface Discordance {
  readonly onlyFirst: number;
  readonly onlySecond: number;
}

/**
 * McNemar's test, exact and two-sided (McNemar, Psychometrika 1947): how likely a split at least as uneven is where
 * neither model is better, that is where each discordant pair is a toss.
 */
export function mcnemar({ onlyFirst, onlySecond }: Discordance): number {
  const count = onlyFirst + onlySecond;
  const fewer = Math.min(onlyFirst, onlySecond);
  // ln C(count, k) − count·ln 2, term by term: no factorial overflows.
  let logTerm = -count * Math.LN2;
  let tail = 0;
  for (let k = 0; k <= fewer; k++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log((count - k) / (k + 1));
  }
  return Math.min(1, 2 * tail);
}
