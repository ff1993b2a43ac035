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
  readonly costs: Map<string, StageCost>;
  /** Stages that run, the innermost last: when they began and what was measured inside them so far. */
  readonly #running: { readonly stage: string; readonly start: StageCost; inner: StageCost }[] = [];

  /** @param before Costs to add to. */
  constructor(before: Readonly<Record<string, StageCost>> = {}) {
    this.costs = new Map(Object.entries(before));
  }

  readonly measure = async <T>(stage: string, body: () => Promise<T>): Promise<T> => {
    const running = { stage, start: now(), inner: none };
    this.#running.push(running);
    try {
      return await body();
    } finally {
      this.#running.pop();
      const whole = combine(now(), running.start, -1);
      add(this.costs, stage, combine(whole, running.inner, -1));
      const outer = this.#running.at(-1);
      if (outer) outer.inner = combine(outer.inner, whole, 1);
    }
  };

  /** Costs by stage, those of stages that still run included. */
  toJSON(): Record<string, StageCost> {
    const costs = new Map(this.costs);
    let within = none;
    for (const { stage, start, inner } of this.#running.toReversed()) {
      const whole = combine(now(), start, -1);
      add(costs, stage, combine(combine(whole, inner, -1), within, -1));
      within = whole;
    }
    return Object.fromEntries(costs);
  }
}

const none: StageCost = { seconds: 0, cpuSeconds: 0, flops: 0 };

function add(costs: Map<string, StageCost>, stage: string, own: StageCost): void {
  const cost = costs.get(stage);
  costs.set(stage, cost ? combine(cost, own, 1) : own);
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
