import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelDirectory } from "@denoise-rotator/tiny-llama";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cli, quick, runIn, writeCalibration } from "./command-line.js";
import { editHeader } from "./edit-header.js";

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "denoise-rotator-cli-"));
  await writeCalibration(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]) => runIn(folder, ...args);

/** A copy of the embedded model with its safetensors bytes changed. */
function broken(name: string, change: (bytes: Buffer) => Buffer, config: object = {}): string {
  const directory = join(folder, name);
  cpSync(modelDirectory, directory, { recursive: true });
  const weights = join(directory, "model.safetensors");
  writeFileSync(weights, change(readFileSync(weights)));
  const original = JSON.parse(readFileSync(join(directory, "config.json"), "utf8"));
  writeFileSync(join(directory, "config.json"), JSON.stringify({ ...original, ...config }));
  return directory;
}
const layer = "model.layers.0.self_attn.q_proj.weight";

describe("denoise-rotator prune", () => {
  it("should rotate, prune, save and evaluate; what it saved should be readable and valid", {
    timeout: 180_000,
  }, () => {
    const out = join(folder, "rotated");
    const { status, stdout, stderr } = run(
      "prune",
      "tiny",
      "--out",
      out,
      "--eval-plain",
      "--eval-windows",
      "4",
      ...quick,
    );
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const record = JSON.parse(stdout);
    expect(record.maskValid).toBe(true);
    expect(record.invarianceError).toBeLessThan(1e-4);
    expect(record.evaluation.pruned.perplexity).toBeGreaterThan(record.evaluation.dense.perplexity);
    const { objective } = record.blocks[0].rotation;
    expect(objective.best).toBeLessThanOrEqual(objective.start);
    expect(record.stages.rotate.flops).toBeGreaterThan(0);
    expect(JSON.parse(readFileSync(join(out, "run.json"), "utf8"))).toEqual(record);
    const baseline = record.evaluation.plain.perplexity;
    expect(baseline).toBeGreaterThan(record.evaluation.dense.perplexity);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain(baseline.toFixed(2));
    const config = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    expect(config.model_type).toBe("denoise_rotator_llama");

    const again = run("eval", out, "--seqlen", "64", "--eval-windows", "4", "--json");
    expect(JSON.parse(again.stdout).perplexity).toBeCloseTo(record.evaluation.pruned.perplexity, 6);
    const refused = run("prune", "tiny", "--out", out, ...quick);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/--force/);
  });

  it("should take another family from directory to directory, and say which", { timeout: 180_000 }, () => {
    const mistral = broken("mistral", (bytes) => bytes, { model_type: "mistral", sliding_window: 24 });
    const out = join(folder, "mistral-rotated");
    const { status, stdout, stderr } = run("prune", mistral, "--out", out, "--eval", ...quick);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const record = JSON.parse(stdout);
    expect(record.model).toEqual({
      commit: null,
      family: "mistral",
      rotatedBefore: false,
      tiedEmbeddings: { source: true, output: false },
    });
    expect(record.invarianceError).toBeLessThan(1e-4);
    const again = run("eval", out, "--seqlen", "64", "--json");
    expect(JSON.parse(again.stdout).perplexity).toBeCloseTo(record.evaluation.pruned.perplexity, 6);
    expect(run("inspect", out).stdout).toMatch(
      /^mistral, rotated block by block: .*, attention windows of 24 in 4 blocks\n/,
    );
    expect(JSON.parse(run("inspect", mistral, "--json").stdout)).toMatchObject({
      family: "mistral",
      rotated: false,
    });
  });

  it("should give the same bytes twice and from saved rotations", { timeout: 180_000 }, () => {
    const prune = (out: string, ...more: string[]) =>
      run("prune", "tiny", "--out", join(folder, out), "--pruner", "wanda", ...quick, ...more);
    const rotation = join(folder, "rotation.safetensors");
    prune("first", "--save-rotation", rotation);
    prune("second");
    prune("third", "--rotation", rotation);
    const weights = (out: string) => readFileSync(join(folder, out, "model.safetensors"));
    expect(weights("second").equals(weights("first"))).toBe(true);
    expect(weights("third").equals(weights("first"))).toBe(true);
  });

  it("should leave skipped sites dense and take a pruner by module path", { timeout: 180_000 }, () => {
    writeFileSync(
      join(folder, "keep-first.mjs"),
      `export default {
        name: "keep-first",
        importance: { name: "weight", columnScale: "one", of: async (site) => site.weight.square() },
        async prune(site) {
          const [out, inputs] = site.weight.shape;
          const half = site.weight.slice(null, [0, inputs / 2]);
          const rest = site.weight.slice(null, [inputs / 2]).mul(0);
          const { concat } = await import(${JSON.stringify(new URL("../packages/core/dist/index.js", import.meta.url).href)});
          const weight = concat([half, rest], 1);
          return { weight, mask: weight.notEqual(0) };
        },
      };`,
    );
    const args = [
      "--pruner",
      "./keep-first.mjs",
      "--rotate",
      "none",
      "--sparsity",
      "0.5",
      "--skip",
      "downProj,1",
    ];
    const { status, stdout, stderr } = run(
      "prune",
      "tiny",
      "--out",
      join(folder, "custom"),
      ...args,
      ...quick,
    );
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const { tensors } = JSON.parse(run("inspect", join(folder, "custom"), "--json").stdout);
    const sparsity = (name: string) =>
      tensors.find((tensor: { name: string }) => tensor.name === name).sparsity;
    expect(sparsity(layer)).toBeGreaterThanOrEqual(0.5);
    expect(sparsity("model.layers.0.mlp.down_proj.weight")).toBeLessThan(0.01);
    expect(sparsity("model.layers.1.self_attn.q_proj.weight")).toBeLessThan(0.01);
    expect(JSON.parse(stdout).maskValid).toBe(true);
  });
});

describe("denoise-rotator prune, beyond SparseGPT", () => {
  it("should do all of --quality best, and save what it evaluates", { timeout: 180_000 }, () => {
    const out = join(folder, "best");
    const more = ["--quality", "best", "--reconstruct", "4", "--eval", "--eval-windows", "4"];
    const { status, stdout, stderr } = run("prune", "tiny", "--out", out, ...more, ...quick);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const { options, stages, maskValid, blocks, evaluation } = JSON.parse(stdout);
    expect(options).toMatchObject({
      quality: "best",
      refine: "pcg",
      match: true,
      transport: true,
      samples: 4,
    });
    for (const stage of ["prune: match", "prune: refine", "transport", "reconstruct"]) {
      expect(stages[stage].flops, stage).toBeGreaterThan(0);
    }
    expect(maskValid).toBe(true);
    for (const { reconstruction, transport, sites } of blocks) {
      expect(reconstruction.after).toBeLessThanOrEqual(reconstruction.before);
      expect(transport.shift).toBeGreaterThan(0);
      for (const site of sites) expect(site.sparsity).toBe(0.5);
    }
    const again = run("eval", out, "--seqlen", "64", "--eval-windows", "4", "--json");
    expect(JSON.parse(again.stdout).perplexity).toBeCloseTo(evaluation.pruned.perplexity, 6);
  });

  it("should spread a share over the layers, with rotations learned once", { timeout: 180_000 }, () => {
    const flags = ["--sparsity", "0.5", "--allocation", "sensitivity", "--out", join(folder, "spread")];
    const { status, stdout } = run("prune", "tiny", ...flags, ...quick);
    expect(status).toBe(0);
    const { blocks, maskValid, stages } = JSON.parse(stdout);
    expect(maskValid).toBe(true);
    expect(stages.allocate.seconds).toBeGreaterThan(0);
    const shares = blocks.flatMap((block: { sites: { sparsity: number }[] }) =>
      block.sites.map(({ sparsity }) => sparsity),
    );
    expect(Math.min(...shares)).toBeGreaterThan(0.24);
    expect(Math.max(...shares)).toBeLessThan(0.76);
    expect(Math.max(...shares) - Math.min(...shares)).toBeGreaterThan(0.05);
    for (const { rotation } of blocks) {
      expect(rotation.objective.best).toBeLessThanOrEqual(rotation.objective.start);
      expect(rotation.invarianceError).toBeLessThan(1e-4);
    }
  });
});

describe("bad input", () => {
  const cases: [name: string, code: number, message: RegExp, args: () => string[]][] = [
    ["a missing directory", 1, /nowhere/, () => ["prune", "nowhere"]],
    [
      "truncated weights",
      1,
      /model\.safetensors/,
      () => ["prune", broken("truncated", (b) => b.subarray(0, b.length - 99))],
    ],
    [
      "an oversized header",
      1,
      /header/,
      () => [
        "prune",
        broken("oversized", (b) => {
          const c = Buffer.from(b);
          c.writeBigUInt64LE(1n << 40n);
          return c;
        }),
      ],
    ],
    [
      "overlapping tensors",
      1,
      /q_proj|overlap/,
      () => [
        "prune",
        broken("overlap", (b) =>
          editHeader(b, (h) => {
            h[layer]!.data_offsets = h["model.layers.0.self_attn.o_proj.weight"]!.data_offsets;
          }),
        ),
      ],
    ],
    [
      "a wrong dtype",
      1,
      /q_proj/,
      () => [
        "prune",
        broken("dtype", (b) =>
          editHeader(b, (h) => {
            h[layer]!.dtype = "I16";
          }),
        ),
      ],
    ],
    [
      "a shape that contradicts the config",
      1,
      /shape|\[/,
      () => ["prune", broken("shape", (b) => b, { intermediate_size: 700 })],
    ],
    [
      "an unsupported model_type",
      1,
      /model_type|mamba/,
      () => ["prune", broken("family", (b) => b, { model_type: "mamba" })],
    ],
    [
      "a short calibration text",
      1,
      /window|short|tokens/,
      () => {
        writeFileSync(join(folder, "short.txt"), "Call me");
        return ["prune", "tiny", "--calibration", "short.txt"];
      },
    ],
    ["a missing calibration text", 1, /--calibration/, () => ["prune", "tiny", "--calibration", "no.txt"]],
    ["--sparsity 5:4", 2, /5:4/, () => ["prune", "tiny", "--sparsity", "5:4"]],
    ["--sparsity 1.5", 2, /1\.5/, () => ["prune", "tiny", "--sparsity", "1.5"]],
    ["an unknown option", 2, /--sparsty/, () => ["prune", "tiny", "--sparsty", "2:4"]],
    ["an unknown pruner", 2, /wnda/, () => ["prune", "tiny", "--pruner", "wnda"]],
    [
      "an R that does not divide",
      1,
      /q_proj.*256 outputs.*3/,
      () => ["prune", "tiny", "--sparsity", "2:4/3"],
    ],
    ["--sparsity 2:4/0", 2, /2:4\/0/, () => ["prune", "tiny", "--sparsity", "2:4/0"]],
    ["an M that does not divide", 1, /q_proj.*(3|7)/, () => ["prune", "tiny", "--sparsity", "3:7"]],
    ["an unknown quality", 2, /fast, default, best/, () => ["prune", "tiny", "--quality", "high"]],
    [
      "output maps without a place for them",
      2,
      /--transport.*--rotate per-block/,
      () => ["prune", "tiny", "--transport", "--rotate", "none"],
    ],
    ["shares by layer of 2:4", 2, /--allocation.*2:4/, () => ["prune", "tiny", "--allocation", "global"]],
    ["a skip that names nothing", 2, /--skip/, () => ["prune", "tiny", "--skip", "qproj"]],
    [
      "a NaN weight",
      1,
      /NaN/,
      () => [
        "prune",
        broken("nan", (b) => {
          const c = Buffer.from(b);
          const length = Number(c.readBigUInt64LE(0));
          const header = JSON.parse(c.subarray(8, 8 + length).toString());
          c.writeUInt16LE(0x7fc0, 8 + length + header[layer].data_offsets[0]);
          return c;
        }),
      ],
    ],
    [
      "an output that cannot be made",
      1,
      /file\.txt|output/,
      () => {
        writeFileSync(join(folder, "file.txt"), "");
        return ["prune", "tiny", "--out", "file.txt/out"];
      },
    ],
    [
      "threads of another backend",
      2,
      /--threads.*wasm/,
      () => ["prune", "tiny", "--backend", "cpu", "--threads", "2"],
    ],
    ["no command", 2, /./, () => ["prune"]],
  ];

  it.each(cases)(
    "should answer %s with exit code %i and one line",
    { timeout: 60_000 },
    (name, code, message, args) => {
      const out = join(folder, `out-${name.replaceAll(/\W+/g, "-")}`);
      const list = args();
      const withOut = list.includes("--out") || list.length < 2 ? list : [...list, "--out", out];
      const { status, stdout, stderr } = run(...withOut, "--samples", "4", "--steps", "2", "--json");
      expect(stderr).toMatch(message);
      expect(stderr.trim().split("\n")).toHaveLength(1);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect({ status, stdout }).toEqual({ status: code, stdout: "" });
      expect(readdirSync(folder).filter((entry) => entry.includes("out-"))).toEqual([]);
    },
  );

  it("should leave nothing behind on Ctrl-C", { timeout: 60_000 }, async () => {
    mkdirSync(join(folder, "interrupted"));
    const out = join(folder, "interrupted", "out");
    const child = spawn(process.execPath, [cli, "prune", "tiny", "--out", out], { cwd: folder });
    let stderr = "";
    let asked = false;
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
      if (/rotate/.test(stderr) && !asked) asked = child.kill("SIGINT");
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(130);
    expect(stderr).toMatch(/interrupted/);
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(join(folder, "interrupted"))).toEqual([]);
  });
});
