import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { referenceFile } from "@denoise-rotator/tiny-llama";

/*
 * The whole pipeline on the embedded model against the figures PyTorch gave by the same protocol
 * (`packages/tiny-llama/data/reference.json`), through the built command line.
 */

const cli = fileURLToPath(new URL("../../../packages/denoise-rotator/dist/cli.js", import.meta.url));

interface Reference {
  dense: { perplexity: number };
  results: Record<string, Record<string, Record<string, number | number[][]>>>;
}

/** A row of the reference table and how to get it. */
interface Run {
  readonly pruner: string;
  readonly pattern: "2:4" | "50%";
  readonly kind: "plain" | "paper200" | "direct";
}

export interface ReferenceRow extends Run {
  readonly perplexity: number;
  readonly reference: number;
  /** (ours − dense) / (reference − dense), with each side's own dense model. */
  readonly gapRatio: number;
  readonly allowed: string;
  readonly ok: boolean;
  /** Objective of the first block, ours and the reference's, where a rotation was learned. */
  readonly firstBlock: { readonly ours: number; readonly reference: number } | null;
  readonly seconds: number;
}

/** PyTorch's figures are of the pruners as published, and of the direct rotations of our first sketch. */
const asPublished = ["--rotation-preset", "default", "--refine", "none", "--no-match"];
const flags: Record<Run["kind"], string[]> = {
  plain: [...asPublished, "--rotate", "none"],
  paper200: [...asPublished, "--objective", "entropy", "--solver", "qr-adam", "--steps", "200"],
  direct: [
    ...asPublished,
    ...["--learning-rate", "0.1", "--newton-schulz-steps", "6", "--site-weights", "equal"],
    ...["--rotation-importance", "wanda"],
  ],
};

/** Runs the command line and parses what it prints. */
function call(...args: string[]): Promise<Record<string, never>> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args, "--json"], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    child.on("close", (code) =>
      code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`${args.join(" ")}: ${code}`)),
    );
  });
}

async function measure(run: Run, dense: number, reference: Reference): Promise<ReferenceRow> {
  const { pruner, pattern, kind } = run;
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-reference-"));
  const started = performance.now();
  try {
    const out = join(folder, "pruned");
    const sparsity = pattern === "50%" ? "0.5" : pattern;
    const record = await call(
      "prune",
      "tiny",
      "--pruner",
      pruner,
      "--sparsity",
      sparsity,
      ...flags[kind],
      "--out",
      out,
    );
    const { perplexity } = (await call("eval", out)) as unknown as { perplexity: number };
    const expected = reference.results[pruner]![pattern]!;
    const figure = expected[kind] as number;
    const gapRatio = (perplexity - dense) / (figure - reference.dense.perplexity);
    const [low, high] = { plain: [0.9, 1.1], paper200: [0.85, 1.15], direct: [0, 1.1] }[kind] as [
      number,
      number,
    ];
    const objectives = expected[`${kind}Objective`] as number[][] | undefined;
    const first = (record as { blocks?: { rotation: { objective: { best: number } } | null }[] }).blocks?.[0]
      ?.rotation;
    const firstBlock =
      objectives && first ? { ours: first.objective.best, reference: objectives[0]![1]! } : null;
    const entropyFits =
      kind !== "paper200" || !firstBlock || Math.abs(firstBlock.ours / firstBlock.reference - 1) < 0.01;
    return {
      ...run,
      perplexity,
      reference: figure,
      gapRatio,
      allowed: `${low}…${high}`,
      ok: gapRatio >= low && gapRatio <= high && entropyFits,
      firstBlock,
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every row, two at a time. With `quick` only Wanda's. */
export async function referenceRows(quick: boolean, log: (line: string) => void) {
  const reference: Reference = JSON.parse(readFileSync(referenceFile, "utf8"));
  const { perplexity: dense } = (await call("eval", "tiny")) as unknown as { perplexity: number };
  log(`dense: ${dense.toFixed(4)}, reference ${reference.dense.perplexity}`);
  const runs: Run[] = (quick ? ["wanda"] : ["sparsegpt", "wanda", "magnitude"]).flatMap((pruner) =>
    (["2:4", "50%"] as const).flatMap((pattern) =>
      (["paper200", "direct", "plain"] as const).map((kind) => ({ pruner, pattern, kind })),
    ),
  );
  const known = runs.filter(
    ({ pruner, pattern, kind }) => reference.results[pruner]?.[pattern]?.[kind] !== undefined,
  );
  const rows: ReferenceRow[] = [];
  let next = 0;
  const lane = async () => {
    while (next < known.length) {
      const row = await measure(known[next++]!, dense, reference);
      rows.push(row);
      log(
        `${row.pruner} ${row.pattern} ${row.kind}: ${row.perplexity.toFixed(4)}, reference ${row.reference}, gap × ${row.gapRatio.toFixed(3)} ${row.ok ? "" : "OUTSIDE"}`,
      );
    }
  };
  await Promise.all([lane(), lane()]);
  rows.sort(
    (a, b) =>
      a.pruner.localeCompare(b.pruner) || a.pattern.localeCompare(b.pattern) || a.kind.localeCompare(b.kind),
  );
  return { dense: { ours: dense, reference: reference.dense.perplexity }, rows };
}

export function referenceTable({ dense, rows }: Awaited<ReturnType<typeof referenceRows>>): string {
  const line = (row: ReferenceRow) =>
    `| ${row.pruner} ${row.pattern} | ${row.kind} | ${row.perplexity.toFixed(3)} | ${row.reference.toFixed(3)} | ${row.gapRatio.toFixed(3)} | ${row.allowed} | ${row.ok ? "yes" : "NO"} |`;
  return [
    `dense: ${dense.ours.toFixed(4)}, PyTorch ${dense.reference}`,
    "",
    "| pruner | rotation | perplexity | PyTorch | gap ratio | allowed | holds |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map(line),
  ].join("\n");
}
