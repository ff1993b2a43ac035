import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseBenchResult } from "@denoise-rotator/bench";
import { afterAll, describe, expect, it } from "vitest";

const cli = fileURLToPath(new URL("../packages/denoise-rotator/dist/cli.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-bench-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bench = (...args: string[]) =>
  spawnSync(process.execPath, [cli, "bench", ...args], { cwd: folder, encoding: "utf8", timeout: 110_000 });

describe("denoise-rotator bench", { timeout: 120_000 }, () => {
  it("should measure backends and peers, print a table and write a valid result", () => {
    const backends = ["--backends", "wasm,cpu", "--peers", "naive-js,tfjs-cpu,tfjs-webgpu"];
    const works = ["--quick", "--works", "linear,sum", "--rounds", "1"];
    const { status, stdout } = bench(
      ...works,
      ...backends,
      "--baseline",
      "cpu",
      "--json",
      "deep/result.json",
    );
    expect(status).toBe(0);
    const result = parseBenchResult(JSON.parse(readFileSync(join(folder, "deep", "result.json"), "utf8")));
    for (const name of ["wasm", "cpu", "naive-js", "tfjs-cpu"]) {
      const rows = result.rows.filter(({ contender }) => contender === name);
      expect(
        rows.map(({ status: each }) => each),
        name,
      ).toEqual(Array(4).fill("ok"));
    }
    expect(result.settings).toMatchObject({ set: "quick", rounds: 1, baseline: "cpu" });
    expect(result.contenders[0]).toMatchObject({ package: "@denoise-rotator/backend-wasm" });
    expect(result.contenders[0]!.version).toMatch(/^\d+\.\d+/);
    expect(stdout).toMatch(/work +contender +ms +spread +× cpu/);
    expect(stdout).toContain("tfjs-webgpu: no WebGPU here");
  });

  it.each([
    [["--quick", "--full"], "--quick and --full"],
    [["--works", "gemms"], "--works gemms: choose from gemm"],
    [["--backends", "cuda"], "--backends cuda: choose from wasm"],
    [["--peers", "numpy"], "--peers numpy: choose from naive-js"],
    [["--baseline", "webgl"], "--baseline webgl: choose from"],
    [["--rounds", "0"], "--rounds"],
  ])("should refuse %s in one line", (args, message) => {
    const { status, stdout, stderr } = bench(...args);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toContain(message);
  });
});
