import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Peak } from "./measure-peak.js";

/** Physical limits by number of threads, in GFLOP/s of f32 multiply-adds on registers alone. */
export interface Peaks {
  readonly threads: number;
  /** 128-bit vectors: the limit of WebAssembly SIMD as it is specified. */
  readonly bits128: number;
  /** Whether `bits128` is of multiply-adds in one instruction, or of a multiplication and an addition. */
  readonly fma: boolean;
  /** 256-bit vectors, as V8's revectoriser makes them; `null` where the engine has none. */
  readonly bits256: number | null;
}

const script = fileURLToPath(new URL("measure-peak.ts", import.meta.url));

const peakOf = async (vectors: 1 | 2): Promise<Peak> => {
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, script, `${vectors}`]);
  return JSON.parse(stdout);
};

/** Measures in fresh processes, as many at once as there are threads. */
export async function measurePeaks(threads: readonly number[]): Promise<Peaks[]> {
  const peaks: Peaks[] = [];
  for (const count of threads) {
    const total = async (vectors: 1 | 2) => {
      const all = await Promise.all(Array.from({ length: count }, () => peakOf(vectors)));
      return { gflops: all.reduce((sum, { gflops }) => sum + gflops, 0), fma: all[0]!.fma };
    };
    const narrow = await total(1);
    const wide = await total(2);
    // Without revectoriser the pairs run as 128-bit instructions.
    const fused = wide.gflops > 1.4 * narrow.gflops;
    peaks.push({
      threads: count,
      bits128: narrow.gflops,
      fma: narrow.fma,
      bits256: fused ? wide.gflops : null,
    });
  }
  return peaks;
}
