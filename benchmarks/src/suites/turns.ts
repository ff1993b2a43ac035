export interface TurnOptions {
  readonly rounds?: number | undefined;
  /** Runs before each sample of a contender. */
  readonly before?: (index: number) => void;
  /** Milliseconds from some start. Default: by the clock on the wall. */
  readonly clock?: () => number;
}

/** Milliseconds that this process had a processor: of work on one thread, without what others took meanwhile. */
export const processorTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Milliseconds of one call by round, the contenders taking turns, in reversed order every other round. */
export function takeTurns(
  runs: readonly (() => void)[],
  callsPerSample: number,
  { rounds, before, clock = () => performance.now() }: TurnOptions = {},
): number[][] {
  const samples = runs.map((): number[] => []);
  const sample = (index: number, keep: boolean) => {
    before?.(index);
    const start = clock();
    for (let call = 0; call < callsPerSample; call++) runs[index]!();
    if (keep) samples[index]!.push((clock() - start) / callsPerSample);
  };
  for (let warm = 0; warm < 3; warm++) for (const index of runs.keys()) sample(index, false);
  const start = performance.now();
  for (let round = 0; round < (rounds ?? (performance.now() - start < 700 ? round + 1 : 5)); round++) {
    const order = [...runs.keys()];
    for (const index of round % 2 === 0 ? order : order.toReversed()) sample(index, true);
  }
  return samples;
}

export const fastest = (values: readonly number[]): number => Math.min(...values);
