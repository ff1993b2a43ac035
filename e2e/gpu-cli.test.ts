import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelDirectory } from "@denoise-rotator/tiny-llama";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { maskAgreement } from "./agreement.js";
import { describeUnless, noAdapter } from "./backends.js";
import { calibration, cli, writeCalibration } from "./command-line.js";

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "denoise-rotator-gpu-"));
  await writeCalibration(folder);
  writeTwoBlocks(join(folder, "two-blocks"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (args: readonly string[], env: Record<string, string> = {}) =>
  spawnSync(process.execPath, [cli, ...args], {
    cwd: folder,
    encoding: "utf8",
    timeout: 240_000,
    env: { ...process.env, ...env },
  });

/** The embedded model's first two blocks. */
function writeTwoBlocks(directory: string): void {
  cpSync(modelDirectory, directory, { recursive: true, filter: (name) => !name.endsWith(".br") });
  const config = JSON.parse(readFileSync(join(directory, "config.json"), "utf8"));
  writeFileSync(join(directory, "config.json"), JSON.stringify({ ...config, num_hidden_layers: 2 }));
}

/** One block of two, little text: what a software adapter does in seconds. */
const quick = [
  ...calibration,
  "--samples",
  "4",
  "--seqlen",
  "128",
  "--skip",
  "1",
  "--eval",
  "--eval-windows",
  "2",
  "--json",
];
const published = ["--refine", "none", "--no-match"];

function prune(out: string, ...flags: string[]) {
  const { status, stdout, stderr } = run([
    "prune",
    "two-blocks",
    ...quick,
    ...flags,
    "--out",
    join(folder, out),
  ]);
  expect({ status, stderr: stderr.replace(/^gpujs.*\n/gm, "") }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

const backends: [name: string, missing: string | undefined, flags: string[], description: object][] = [
  ["webgpu", noAdapter, ["--backend", "webgpu"], { adapter: expect.stringMatching(/./) }],
  ["gpujs-webgpu", noAdapter, ["--backend", "gpujs", "--gpu-mode", "webgpu"], { mode: "webgpu" }],
  ["gpujs-cpu", undefined, ["--backend", "gpujs", "--gpu-mode", "cpu"], { mode: "cpu" }],
];

/** Records of wasm, made once for all backends. */
const onWasm = new Map<string, ReturnType<typeof prune>>();

for (const [name, missing, flags, description] of backends) {
  describeUnless(missing, `prune on ${name}`, () => {
    it("should agree with wasm, without rotation and with one that is given", {
      timeout: 600_000,
    }, async () => {
      const rotation = join(folder, "rotation.safetensors");
      const kinds: [string, string[]][] = [
        ["wanda", ["--pruner", "wanda", "--rotate", "none"]],
        ["sparsegpt", [...published, "--rotation", rotation]],
      ];
      if (!existsSync(rotation)) prune("learned", ...published, "--steps", "3", "--save-rotation", rotation);
      for (const [kind, options] of kinds) {
        const expected = onWasm.get(kind) ?? prune(`${kind}-wasm`, ...options);
        onWasm.set(kind, expected);
        const record = prune(`${kind}-${name}`, ...options, ...flags);
        expect(record.backend.name).toBe(flags[1]);
        expect(record.backend.description).toMatchObject(description);
        expect(record.maskValid).toBe(true);
        const [a, b] = [record, expected].map(({ evaluation }) => evaluation.pruned.perplexity);
        expect(Math.abs(a / b - 1)).toBeLessThan(0.005);
        const places = [join(folder, `${kind}-wasm`), join(folder, `${kind}-${name}`)] as const;
        expect(await maskAgreement(...places)).toBeGreaterThanOrEqual(0.995);
      }
    });
  });
}

describeUnless(noAdapter, "the command line on a device", () => {
  it("should leave nothing behind on Ctrl-C and end with 130", { timeout: 120_000 }, async () => {
    const out = join(folder, "interrupted");
    const args = ["prune", "tiny", "--backend", "webgpu", "--samples", "4", "--seqlen", "128", "--out", out];
    const child = spawn(process.execPath, [cli, ...args], { cwd: folder });
    let stderr = "";
    let asked = false;
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
      if (/fold|capture|rotate/.test(stderr) && !asked) asked = child.kill("SIGINT");
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(stderr).toMatch(/interrupted/);
    expect({ code, left: existsSync(out) }).toEqual({ code: 130, left: false });
  });
});

describe("the command line without what a backend needs", () => {
  const nowhere = { VK_DRIVER_FILES: join(tmpdir(), "no-such-driver.json") };
  it.each<[string, number, RegExp, string[]]>([
    ["no adapter", 1, /^error: WebGPU found no adapter.*install a Vulkan driver/, ["--backend", "webgpu"]],
    [
      ...(["no adapter for gpu.js", 1, /^error: gpujs: mode webgpu is not available/] as const),
      ["--backend", "gpujs", "--gpu-mode", "webgpu"],
    ],
    [
      ...(["WebGL2 in Node", 1, /^error: gpujs: mode webgl2 is not available/] as const),
      ["--backend", "gpujs", "--gpu-mode", "webgl2"],
    ],
    [
      ...(["an option of another backend", 2, /^error: --f16: .*webgpu/] as const),
      ["--backend", "gpujs", "--f16"],
    ],
    ["a mode of another backend", 2, /^error: --gpu-mode: .*gpujs/, ["--gpu-mode", "cpu"]],
  ])("should answer %s with one line and exit code %i", { timeout: 60_000 }, (_, code, message, flags) => {
    const { status, stdout, stderr } = run(["eval", "tiny", ...flags], nowhere);
    // Dawn writes warnings of its own about drivers before.
    const lines = stderr.trim().split("\n");
    expect(lines.at(-1)).toMatch(message);
    expect(lines.filter((line) => line.startsWith("error"))).toHaveLength(1);
    expect({ status, stdout }).toEqual({ status: code, stdout: "" });
  });
});
