import { fileURLToPath } from "node:url";
import { add, gemm } from "@denoise-rotator/bench";
import { describe, expect, it } from "vitest";
import type { ContenderSpec } from "../src/harness/contender-process.js";
import { measure } from "../src/harness/harness.js";
import { leftOutLines } from "../src/report/suite-report.js";
import { workChecks } from "../src/works/index.js";

const script = fileURLToPath(new URL("trivial-contender.mjs", import.meta.url));

const trivial = (name: string, milliseconds: number, threads = 1, kind = name): ContenderSpec => ({
  name,
  threads,
  command: [process.execPath, script, kind, String(milliseconds)],
});

const run = (specs: readonly ContenderSpec[], progress: (line: string) => void = () => {}) =>
  measure([add(8)], specs, {
    check: ({ kind }) => workChecks[kind],
    base: "ours",
    rounds: 2,
    progress,
  });

describe("the harness", () => {
  it("should give rows of one schema, with ratios against ours at as many threads", async () => {
    const { rows, leftOut, versions } = await run([
      trivial("ours", 10),
      trivial("peer", 30),
      trivial("ours", 5, 2),
      trivial("peer", 20, 2),
    ]);
    expect(leftOut).toEqual([]);
    expect(versions).toEqual({ ours: "1.2.3", peer: "1.2.3" });
    expect(rows).toEqual(
      [
        { contender: "ours", threads: 1, median: 10, ratio: 1 },
        { contender: "peer", threads: 1, median: 30, ratio: 3 },
        { contender: "ours", threads: 2, median: 5, ratio: 1 },
        { contender: "peer", threads: 2, median: 20, ratio: 4 },
      ].map((row) => ({ work: "add-8", unit: "ms", gflops: null, error: 0, ...row })),
    );
  });

  it("should give no ratio where ours is missing", async () => {
    const { rows } = await run([trivial("peer", 30)]);
    expect(rows.map(({ ratio }) => ratio)).toEqual([null]);
  });

  it("should list who is left out, with the reason, and measure the others", async () => {
    const { rows, leftOut } = await run([
      trivial("ours", 10),
      trivial("absent", 1),
      trivial("lacks", 1),
      trivial("wrong", 1),
      trivial("dies", 1),
      trivial("slow", 6000, 1, "ours"),
    ]);
    expect(rows.map(({ contender }) => contender)).toEqual(["ours"]);
    const reasons = Object.fromEntries(leftOut.map(({ contender, reason }) => [contender, reason]));
    expect(reasons.absent).toBe("not installed");
    expect(reasons.lacks).toBe("has no add");
    expect(reasons.wrong).toMatch(/^error .* against f64; 0 is allowed$/);
    expect(reasons.dies).toBe("its process ended (3): out of memory");
    expect(reasons.slow).toBe("one run takes 6.0 s");
    expect(leftOutLines(leftOut)).toContain("  absent, 1 thread: not installed (add-8)");
  });
});

describe("the worker", () => {
  const worker = fileURLToPath(new URL("../src/harness/worker.ts", import.meta.url));
  const engine = ["--conditions=@denoise-rotator/source", "--import", import.meta.resolve("tsx")];
  const contender = (name: string, threads = 1): ContenderSpec => ({
    name,
    threads,
    command: [process.execPath, ...engine, worker, name, String(threads)],
  });

  it("should measure contenders in processes of their own and say who cannot take part", async () => {
    const specs = [contender("denoise-rotator"), contender("naive-js"), contender("naive-js", 2)];
    const { rows, leftOut, versions } = await measure([gemm(16, 12, 8)], specs, {
      check: ({ kind }) => workChecks[kind],
      base: "denoise-rotator",
      rounds: 1,
      sampleMilliseconds: 1,
      progress: () => {},
    });
    expect(rows.map(({ contender: name }) => name)).toEqual(["denoise-rotator", "naive-js"]);
    for (const { median: time, gflops } of rows) expect(gflops! * time * 1e6).toBeCloseTo(2 * 16 * 12 * 8);
    expect(leftOut.map(({ reason }) => reason)).toEqual(["a loop uses one thread under Node"]);
    expect(versions["@denoise-rotator/backend-wasm"]).toContain("tile");
  });
});
