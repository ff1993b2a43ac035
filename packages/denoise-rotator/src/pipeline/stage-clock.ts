import { matmulFlops } from "@denoise-rotator/core";

export interface StageCost {
  /** Wall time in seconds. */
  seconds: number;
  /** Processor time in seconds, summed over all threads of the process: what wall time is on a machine that others use too. */
  cpuSeconds: number;
  /** Floating-point operations of matrix products. */
  flops: number;
}

/** Adds up time and matrix-product FLOPs by stage. What is measured inside a stage counts there, not for the outer one. */
export class StageClock {
  readonly costs = new Map<string, StageCost>();
  /** Cost so far of what is measured inside the stage that runs. */
  #inner: StageCost = { seconds: 0, cpuSeconds: 0, flops: 0 };

  readonly measure = async <T>(stage: string, body: () => Promise<T>): Promise<T> => {
    const [start, outer] = [now(), this.#inner];
    const inner = { seconds: 0, cpuSeconds: 0, flops: 0 };
    this.#inner = inner;
    try {
      return await body();
    } finally {
      const whole = combine(now(), start, -1);
      const own = combine(whole, inner, -1);
      const cost = this.costs.get(stage);
      this.costs.set(stage, cost ? combine(cost, own, 1) : own);
      Object.assign(outer, combine(outer, whole, 1));
      this.#inner = outer;
    }
  };

  toJSON(): Record<string, StageCost> {
    return Object.fromEntries(this.costs);
  }
}

/** All costs of the process so far. */
function now(): StageCost {
  const { user, system } = process.cpuUsage();
  return { seconds: performance.now() / 1000, cpuSeconds: (user + system) / 1e6, flops: matmulFlops() };
}

/** a + sign · b. */
const combine = (a: StageCost, b: StageCost, sign: 1 | -1): StageCost => ({
  seconds: a.seconds + sign * b.seconds,
  cpuSeconds: a.cpuSeconds + sign * b.cpuSeconds,
  flops: a.flops + sign * b.flops,
});
