import type { Prepared } from "./contender.js";

/** Whether the device is waited for after each run, or once after the last. */
export type Wait = "each" | "last";

/** Milliseconds of one of `runs` runs. */
export async function timeRuns(prepared: Prepared, runs: number, wait: Wait): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < runs; i++) {
    const pending = prepared.run();
    // Awaiting what is no promise would cost a small operation as much as it takes.
    if (pending instanceof Promise) await pending;
    if (wait === "each") await prepared.finish();
  }
  if (wait === "last") await prepared.finish();
  return (performance.now() - start) / runs;
}

export interface WarmUpOptions {
  readonly wait: Wait;
  /** Who takes longer for a run, in milliseconds, will not be measured. */
  readonly patience: number;
  /** Length of the last batch, in milliseconds. Default 30. */
  readonly batch?: number;
}

/** Milliseconds. */
const longRun = 2000;

/** Runs until the engine has compiled what it will: in doubling batches, the last of 30 ms. What one run takes then. */
export async function warmUp(prepared: Prepared, options: WarmUpOptions): Promise<number> {
  const { wait, patience, batch = 30 } = options;
  const first = await timeRuns(prepared, 1, wait);
  // A first run may have compiled shaders for seconds: the second one tells, where the first was not hopeless.
  if (first > patience) return first > 4 * patience ? first : timeRuns(prepared, 1, wait);
  // A run of seconds warms up by itself.
  if (first > longRun) return first;
  for (let runs = 1; ; runs *= 2) {
    const milliseconds = await timeRuns(prepared, runs, wait);
    if (milliseconds * runs >= batch) return milliseconds;
  }
}
