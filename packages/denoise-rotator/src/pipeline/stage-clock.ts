import { matmulFlops } from "@denoise-rotator/core";

export interface StageCost {
  /** Wall time in seconds. */
  seconds: number;
  /** Floating-point operations of matrix products. */
  flops: number;
}

/** Adds up time and matrix-product FLOPs by stage. What is measured inside a stage counts there, not for the outer one. */
export class StageClock {
  readonly costs = new Map<string, StageCost>();
  /** Cost so far of what is measured inside the stage that runs. */
  #inner: StageCost = { seconds: 0, flops: 0 };

  readonly measure = async <T>(stage: string, body: () => Promise<T>): Promise<T> => {
    const [start, flops, outer] = [performance.now(), matmulFlops(), this.#inner];
    const inner = { seconds: 0, flops: 0 };
    this.#inner = inner;
    try {
      return await body();
    } finally {
      const whole = { seconds: (performance.now() - start) / 1000, flops: matmulFlops() - flops };
      const cost = this.costs.get(stage) ?? { seconds: 0, flops: 0 };
      cost.seconds += whole.seconds - inner.seconds;
      cost.flops += whole.flops - inner.flops;
      this.costs.set(stage, cost);
      outer.seconds += whole.seconds;
      outer.flops += whole.flops;
      this.#inner = outer;
    }
  };

  toJSON(): Record<string, StageCost> {
    return Object.fromEntries(this.costs);
  }
}
