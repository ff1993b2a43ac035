import type { StageCost } from "../cli/denoise-rotator.js";
import type { Machine } from "../machine.js";
import type { Smollm2Job, Smollm2Protocol } from "../smollm2/jobs.js";

export interface PyTorchFigures {
  readonly perplexity: number;
  /** SHA-256 of the token ids of the held-out text. */
  readonly streamHash: string;
  readonly versions: Readonly<Record<string, string>>;
}

export interface Smollm2Dense {
  readonly perplexity: number;
  readonly seconds: number;
  readonly streamHash: string;
  /** `null` where Python has not what it takes. */
  readonly pytorch: PyTorchFigures | null;
}

export interface Smollm2Row extends Pick<Smollm2Job, "pruner" | "form"> {
  readonly perplexity: number;
  /** Of `prune`, without evaluation. */
  readonly seconds: number;
  readonly peakMemoryBytes: number;
  readonly stages: Readonly<Record<string, StageCost>>;
}

export interface Smollm2Result {
  readonly suite: "smollm2";
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly file: { readonly name: string; readonly bytes: number };
  readonly protocol: Smollm2Protocol;
  readonly dense: Smollm2Dense;
  readonly rows: readonly Smollm2Row[];
}

const pruners = ["magnitude", "wanda", "sparsegpt"];
const columns: readonly Smollm2Job["form"][] = ["plain", "per-block", "shared", "default"];

/** Tables in Markdown: perplexities by pruner and rotation, then processor time by stage and peak memory of every run. */
export function smollm2Report({ file, protocol, dense, rows, machine, versions }: Smollm2Result): string {
  const { length, samples, evaluationWindows } = protocol;
  const { pytorch } = dense;
  return [
    `${file.name}, ${machine.cpu}, ${machine.cores} cores, Node ${versions.node}: ${samples} calibration and ` +
      `${evaluationWindows} held-out windows of ${length} tokens`,
    "",
    `dense: ${dense.perplexity.toFixed(4)}${pytorch ? `, PyTorch ${versionsOf(pytorch)} ${pytorch.perplexity.toFixed(4)}` : ""}` +
      (pytorch ? ` (token ids ${pytorch.streamHash === dense.streamHash ? "equal" : "DIFFER"})` : ""),
    "",
    ...perplexities(rows),
    "",
    ...costs(rows),
  ].join("\n");
}

const versionsOf = ({ versions }: PyTorchFigures) => versions.torch ?? "";

function perplexities(rows: readonly Smollm2Row[]): string[] {
  const shown = columns.filter((form) => rows.some((row) => row.form === form));
  const cell = (pruner: string, form: string) =>
    rows.find((row) => row.pruner === pruner && row.form === form)?.perplexity.toFixed(2) ?? "–";
  return [
    `| 2:4 | ${shown.join(" | ")} |`,
    `| --- |${" --- |".repeat(shown.length)}`,
    ...pruners.map((pruner) => `| ${pruner} | ${shown.map((form) => cell(pruner, form)).join(" | ")} |`),
  ];
}

/** Of all threads, which other work on the machine does not change much. */
const total = ({ stages }: Smollm2Row) =>
  Object.values(stages).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);

function costs(rows: readonly Smollm2Row[]): string[] {
  const stages = [...new Set(rows.flatMap((row) => Object.keys(row.stages)))];
  const seconds = (row: Smollm2Row, stage: string) => row.stages[stage]?.cpuSeconds.toFixed(0) ?? "–";
  return [
    `| processor seconds | whole | ${stages.join(" | ")} | peak memory, MiB |`,
    `| --- | --- |${" --- |".repeat(stages.length + 1)}`,
    ...rows.map(
      (row) =>
        `| ${row.pruner}, ${row.form} | ${total(row).toFixed(0)} | ${stages.map((stage) => seconds(row, stage)).join(" | ")} | ` +
        `${(row.peakMemoryBytes / 2 ** 20).toFixed(0)} |`,
    ),
  ];
}
