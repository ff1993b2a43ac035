import { describe, expect, it } from "vitest";
import type { Row } from "../src/harness/harness.js";
import { benchmarkTables } from "../src/report/benchmark-tables.js";
import { floors, outcomes, worstErrorRatio } from "../src/report/floors.js";

const row = (work: string, contender: string, threads: number, median: number, error = 1e-7): Row => ({
  ...{ work, contender, threads, median, unit: "ms", ratio: null, gflops: 1000 / median, error },
});
const peaks = [{ threads: 1, bits128: 70, fma: true, bits256: 140 }];

const rows = [
  row("gemm-512", "denoise-rotator", 1, 10, 3e-7),
  row("gemm-512", "tfjs-wasm", 1, 20),
  row("gemm-512", "pytorch", 1, 4, 2e-7),
  row("gemm-1024", "denoise-rotator", 1, 100),
  row("gemm-1024", "tfjs-wasm", 1, 150),
  row("gemm-1024", "denoise-rotator", 2, 50),
  row("gemm-1024", "denoise-rotator-turbo", 1, 40),
];

describe("the floors", () => {
  const found = outcomes(rows, peaks, floors);
  const of = (against: string, threads: number) =>
    found.find(({ floor }) => floor.against === against && floor.threads === threads)!;

  it("should take the least favourable work", () => {
    expect(of("tfjs-wasm", 1).plain).toEqual({ least: 1.5, most: 2, possible: 70 / 50 });
    expect(of("tfjs-wasm", 1).turbo).toEqual({ least: 3.75, most: 3.75, possible: 140 / 50 });
    expect(of("pytorch", 1).plain).toMatchObject({ least: 0.4, most: 0.4 });
  });

  it("should compare two threads with one", () => {
    expect(of("one thread", 2).plain).toEqual({ least: 2, most: 2, possible: undefined });
  });

  it("should say so where nothing was measured", () => {
    expect(of("onnxruntime-web", 2).plain).toBeUndefined();
  });

  it("should compare errors with PyTorch's", () => {
    expect(worstErrorRatio(rows, "denoise-rotator")).toEqual({ work: "gemm-512", ratio: 3e-7 / 2e-7 });
    expect(worstErrorRatio(rows, "denoise-rotator-turbo")).toBeUndefined();
  });

  it("should be tabulated with what holds and what does not", () => {
    const machine = { cpu: "x", cores: 2, memoryGiB: 1, platform: "y", vectorBits: null };
    const result = { suite: "kernels", machine, versions: {}, peaks, rows, leftOut: [] };
    const { floors: table } = benchmarkTables({ kernels: result });
    expect(table).toMatch(
      /\| tfjs-wasm +\| 1 +\| ≥ 1\.6×: 1\.50–2\.00×, \*\*no\*\* \(at most 1\.40× at peak\) +\| ≥ 2\.8×: 3\.75×, yes +\|/,
    );
    expect(table).toMatch(/\| onnxruntime-web +\| 2 +\| ≥ 1\.8×: not measured/);
  });
});
