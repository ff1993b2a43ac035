import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openCheckpoint } from "@denoise-rotator/checkpoint";
import { documents } from "@denoise-rotator/tiny-llama";
import { ResultStore } from "../ablation/store.js";
import { executeWith, type PruneRecord, unknownFlag } from "../cli/denoise-rotator.js";
import { engineVersions, machine, versionOf } from "../machine.js";
import type { PyTorchFigures, Smollm2Dense, Smollm2Result, Smollm2Row } from "../report/smollm2-report.js";
import { protocol, type Smollm2Protocol, smollm2Jobs } from "../smollm2/jobs.js";

/*
 * SmolLM2-135M from a GGUF file: the dense model against PyTorch, then 2:4 by every pruner, through the built command line.
 * Every finished job is kept at once, so that an interrupted run goes on with `--resume`.
 */

const reference = fileURLToPath(new URL("../../peers/gguf_perplexity.py", import.meta.url));
const keptAt = (quick: boolean) =>
  fileURLToPath(new URL(`../../results/smollm2${quick ? "-quick" : ""}.jsonl`, import.meta.url));
const ours = "@denoise-rotator/denoise-rotator";

export interface Smollm2Options {
  readonly gguf: string;
  readonly quick: boolean;
  readonly resume: boolean;
  /** Minutes after which no job is started. */
  readonly budget: number;
  readonly progress: (line: string) => void;
}

export async function runSmollm2(options: Smollm2Options): Promise<Smollm2Result> {
  const { gguf, quick, resume, budget, progress } = options;
  const deadline = performance.now() + budget * 60_000;
  if (!existsSync(gguf)) throw new Error(`--gguf ${gguf}: no such file`);
  const setting = protocol(quick);
  const versions = { ...engineVersions(), "denoise-rotator": versionOf(ours) };
  const store = new ResultStore<Stored>(keptAt(quick), { resume, version: versions["denoise-rotator"] });
  const keyOf = (...words: string[]) => [...words, JSON.stringify(setting)].join(" ");
  const dense = await keep(keyOf("dense"), async () => ({
    dense: await measureDense(gguf, setting, progress),
  }));
  const help = await executeWith([], ["prune", "--help"]);
  for (const { pruner, form, flags } of smollm2Jobs) {
    const mode = flags[flags.indexOf("--rotate") + 1]!;
    if (unknownFlag(help, flags) || (flags.includes("--rotate") && !help.includes(`"${mode}"`))) {
      progress(`${pruner} ${form}: this version does not have it`);
      continue;
    }
    if (!store.get(keyOf(...flags)) && performance.now() >= deadline) {
      progress(`${pruner} ${form}: left out, the budget is spent`);
      continue;
    }
    await keep(keyOf(...flags), async () => ({
      row: { pruner, form, ...(await measure(gguf, flags, setting)) },
    }));
  }
  const rows = store.all.filter(({ key }) => key.endsWith(keyOf())).flatMap(({ row }) => row ?? []);
  return {
    ...{ suite: "smollm2", machine: machine(), versions, protocol: setting },
    file: { name: basename(gguf), bytes: statSync(gguf).size },
    dense: dense.dense!,
    rows,
  };

  async function keep(key: string, work: () => Promise<Pick<Stored, "dense" | "row">>): Promise<Stored> {
    const known = store.get(key);
    if (known) return known;
    const result = { key, ...(await work()), versions };
    store.add(result);
    const { row, dense } = result;
    progress(row ? `${row.pruner} ${row.form}: ${row.perplexity.toFixed(3)}` : `dense: ${dense?.perplexity}`);
    return result;
  }
}

/** A line of the store. */
interface Stored {
  readonly key: string;
  readonly dense?: Smollm2Dense;
  readonly row?: Smollm2Row;
  readonly versions: Readonly<Record<string, string>>;
}

async function measureDense(
  gguf: string,
  setting: Smollm2Protocol,
  progress: (line: string) => void,
): Promise<Smollm2Dense> {
  const started = performance.now();
  const { perplexity } = await evaluate(gguf, setting);
  const seconds = (performance.now() - started) / 1000;
  const streamHash = await hashOfStream(gguf);
  const pytorch = await pytorchFigures(gguf, setting).catch((error: Error) => {
    progress(`PyTorch left out: ${error.message.trim().split("\n").at(-1)}`);
    return null;
  });
  return { perplexity, seconds, streamHash, pytorch };
}

async function measure(gguf: string, flags: readonly string[], setting: Smollm2Protocol) {
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-smollm2-"));
  try {
    const out = join(folder, "pruned");
    const size = ["--samples", String(setting.samples), "--seqlen", String(setting.length)];
    const printed = await executeWith([], ["prune", gguf, ...flags, ...size, "--out", out, "--json"]);
    const { stages, seconds, peakMemoryBytes } = JSON.parse(printed) as PruneRecord;
    const { perplexity } = await evaluate(out, setting);
    return { perplexity, seconds, peakMemoryBytes, stages };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function evaluate(model: string, { length, evaluationWindows }: Smollm2Protocol) {
  const size = ["--seqlen", String(length), "--eval-windows", String(evaluationWindows)];
  return JSON.parse(await executeWith([], ["eval", model, ...size, "--json"])) as { perplexity: number };
}

/** SHA-256 of the held-out text's token ids as our tokenizer gives them, each document after the first token. */
async function hashOfStream(gguf: string): Promise<string> {
  await using checkpoint = await openCheckpoint(gguf);
  const tokenizer = await checkpoint.openTokenizer();
  const hash = createHash("sha256");
  for (const text of await documents("test")) {
    hash.update(Int32Array.of(checkpoint.config.bos_token_id as number));
    hash.update(tokenizer.encode(text));
  }
  return hash.digest("hex");
}

/** What PyTorch gets from the same file and text, tokenised by Hugging Face's library. */
async function pytorchFigures(gguf: string, setting: Smollm2Protocol): Promise<PyTorchFigures> {
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-smollm2-"));
  try {
    const work = join(folder, "work.json");
    const { length, evaluationWindows: limit } = setting;
    writeFileSync(work, JSON.stringify({ texts: await documents("test"), length, stride: 4, limit }));
    const { stdout } = await promisify(execFile)("python3", [reference, gguf, work]);
    return JSON.parse(stdout) as PyTorchFigures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
