import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { benchReport, missingLines } from "../src/report/bench-report.js";
import { plotPoints } from "../src/report/plot-points.js";
import {
  type BenchResult,
  BenchResultError,
  type BenchRow,
  parseBenchResult,
  withBaseline,
} from "../src/result.js";

const row = (contender: string, median: number): BenchRow => ({
  ...{ work: "gemm-8", contender, status: "ok", median, spread: 0.1, samples: [median, 2 * median], runs: 3 },
  ...{ ratio: null, gflops: 1024 / median / 1e6, gigabytes: null, error: 1e-7 },
});

const result: BenchResult = {
  ...{ format: "denoise-rotator-bench", version: 1, date: "2025-01-02T03:04:05.678Z" },
  host: {
    ...{
      engine: "Chromium 1",
      platform: "x",
      cores: 2,
      sharedMemory: false,
      webgpu: "an adapter",
      webgl: "gl",
    },
  },
  settings: {
    ...{ set: "quick", rounds: 2, sampleMilliseconds: 60, patienceMilliseconds: 5000, baseline: null },
  },
  contenders: ["a", "b", "c"].map((name) => ({
    name,
    package: "p",
    version: "1",
    description: { threads: 2 },
  })),
  absent: [{ contender: "d", reason: "not installed" }],
  works: [{ name: "gemm-8", kind: "gemm", sizes: [8, 8, 8, 1], flops: 1024, bytes: 768 }],
  rows: [
    row("a", 2),
    row("b", 3),
    { work: "gemm-8", contender: "c", status: "wrong", error: null, tolerance: 1e-5 },
  ],
};

describe("parseBenchResult", () => {
  it("should give back what it is given", () => {
    expect(parseBenchResult(JSON.parse(JSON.stringify(result)))).toEqual(result);
  });

  it("should name the field that is wrong", () => {
    const broken: [object, RegExp][] = [
      [{ ...result, version: 2 }, /version/],
      [{ ...result, date: "yesterday" }, /date/],
      [{ ...result, rows: [{ ...row("a", 2), median: -1 }] }, /rows\.0\.median/],
      [{ ...result, rows: [row("z", 2)] }, /rows\.0: .*contender z/],
      [{ ...result, rows: [{ ...row("a", 2), status: "fast" }] }, /rows\.0\.status/],
    ];
    for (const [json, message] of broken) {
      expect(() => parseBenchResult(json)).toThrow(BenchResultError);
      expect(() => parseBenchResult(json)).toThrow(message);
    }
  });

  it("should throw its own error whatever it is given", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(() => parseBenchResult(json)).toThrow(BenchResultError);
      }),
    );
  });
});

describe("a result", () => {
  it("should have ratios against any contender, none where it was not measured", () => {
    const ratios = (name: string) =>
      withBaseline(result, name).rows.map((each) => (each.status === "ok" ? each.ratio : undefined));
    expect(ratios("a")).toEqual([1, 1.5, undefined]);
    expect(ratios("b")).toEqual([2 / 3, 1, undefined]);
    expect(ratios("c")).toEqual([null, null, undefined]);
  });

  it("should read as a table in text and Markdown", () => {
    const text = benchReport(withBaseline(result, "a"));
    expect(text).toContain("no shared memory, so no threads");
    expect(text).toMatch(/gemm-8 {2}b +3\.00 +10 % +1\.50/);
    expect(text).toMatch(/gemm-8 {2}c +wrong +NaN > 1e-5/);
    expect(text).toContain("  d: not installed");
    const markdown = benchReport(withBaseline(result, "a"), "markdown");
    expect(markdown).toMatch(/\| work +\| contender \| ms +\| spread \| × a +\|/);
    expect(markdown).toContain("- not measured: d: not installed");
  });

  it("should group what is missing by reason", () => {
    const failed = (work: string) =>
      ({ work, contender: "a", status: "failed", reason: "device lost" }) as const;
    expect(missingLines({ ...result, rows: [failed("x"), failed("y")] })).toEqual([
      "d: not installed",
      "a: failed: device lost (x, y)",
    ]);
  });

  it("should give a plot its measured rows", () => {
    expect(plotPoints(result)).toMatchObject([
      { work: "gemm-8", kind: "gemm", contender: "a", milliseconds: 2, low: 2, high: 4 },
      { contender: "b", milliseconds: 3, low: 3, high: 6 },
    ]);
  });
});
