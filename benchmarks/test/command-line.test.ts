import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseCommandLine, suites, UsageError } from "../src/command-line.js";

const bench = fileURLToPath(new URL("../bench.mjs", import.meta.url));
const call = (...args: string[]) => spawnSync(process.execPath, [bench, ...args], { encoding: "utf8" });

describe("bench", () => {
  it("should end with 2 and the usage for what does not exist", () => {
    const { status, stdout, stderr } = call("kernel");
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^no suite kernel: choose one of kernels, linalg/);
    expect(stderr).toContain("usage: bench");
  });

  it("should end with 2 for a Node that is not there", () => {
    expect(call("kernels", "--node", "/nowhere/node").status).toBe(2);
  });

  it("should print its usage on request", () => {
    const { status, stdout } = call("--help");
    expect(status).toBe(0);
    for (const suite of suites) expect(stdout).toContain(`\n  ${suite} `);
  });
});

describe("parseCommandLine", () => {
  it("should read every option", () => {
    const args = ["kernels", "--quick", "--json", "--out", "x.json", "--threads", "1,2", "--rounds", "5"];
    const options = parseCommandLine([...args, "--only", "^gemm", "--contenders", "tfjs-wasm,jax-js"]);
    expect(options).toMatchObject({ suite: "kernels", quick: true, json: true, out: "x.json", rounds: 5 });
    expect(options).toMatchObject({ threads: [1, 2], contenders: ["tfjs-wasm", "jax-js"], only: /^gemm/ });
  });

  it.each([
    [[], "name a suite"],
    [["kernels", "linalg"], "one suite at a time"],
    [["kernels", "--fast"], "--fast"],
    [["kernels", "--threads", "1,x"], "--threads x"],
    [["kernels", "--rounds", "0"], "--rounds 0"],
    [["kernels", "--only", "("], "--only ("],
  ])("should refuse %j", (args, message) => {
    expect(() => parseCommandLine(args)).toThrow(UsageError);
    expect(() => parseCommandLine(args)).toThrow(message);
  });
});
