import { matmulFlops } from "@denoise-rotator/core";

export interface StageCost {
  /** Wall time in seconds. */
  seconds: number;
  /** Floating-point operations of matrix products. */
  flops: number;
}

/** Adds up time and matrix-product FLOPs by stage. */
export class StageClock {
  readonly costs = new Map<string, StageCost>();

  async measure<T>(stage: string, body: () => Promise<T>): Promise<T> {
    const [start, flops] = [performance.now(), matmulFlops()];
    try {
      return await body();
    } finally {
      const cost = this.costs.get(stage) ?? { seconds: 0, flops: 0 };
      cost.seconds += (performance.now() - start) / 1000;
      cost.flops += matmulFlops() - flops;
      this.costs.set(stage, cost);
    }
  }

  toJSON(): Record<string, StageCost> {
    return Object.fromEntries(this.costs);
  }
}
