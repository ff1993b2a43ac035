import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "@denoise-rotator/checkpoint";
import { labelOf, type MeasuredBackend, measuredBackends } from "../backends/measured-backends.js";
import { type Execute, execute } from "../cli/denoise-rotator.js";
import { engineVersions, type Machine, machine } from "../machine.js";

/** What a backend is compared with. */
const reference = "wasm";

/** How far one run on a backend is from the same run on wasm. */
export interface AgreementRow {
  readonly label: string;
  readonly case: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly description: Readonly<Record<string, unknown>>;
  readonly settings: readonly string[];
  readonly perplexity: readonly [reference: number, backend: number];
  /** Share of the pruned layers' weights that both keep or both remove. */
  readonly masks: number;
  /** Of learned rotations: the share of the gap that they close, and Σ over blocks of the objective. */
  readonly gapClosed: readonly [reference: number, backend: number] | null;
  readonly objective: readonly [reference: number, backend: number] | null;
  readonly seconds: readonly [reference: number, backend: number];
}

export interface AgreementResult {
  readonly suite: "agreement";
  readonly rows: readonly AgreementRow[];
}

const published = ["--refine", "none", "--no-match"];
type Rotation = "none" | "file" | "learned";
const cases: readonly { name: string; rotation: Rotation; flags: readonly string[] }[] = [
  { name: "magnitude", rotation: "none", flags: ["--pruner", "magnitude"] },
  { name: "wanda", rotation: "none", flags: ["--pruner", "wanda"] },
  { name: "sparsegpt as published", rotation: "none", flags: published },
  { name: "sparsegpt, default", rotation: "none", flags: [] },
  { name: "wanda", rotation: "file", flags: ["--pruner", "wanda"] },
  { name: "sparsegpt as published", rotation: "file", flags: published },
  { name: "wanda", rotation: "learned", flags: ["--pruner", "wanda"] },
  { name: "sparsegpt as published", rotation: "learned", flags: published },
];

export interface AgreementOptions {
  readonly names: readonly MeasuredBackend[];
  /** Calibration, evaluation and steps, as flags of `prune`. */
  readonly settings: readonly string[];
  /** Only cases whose name and rotation match. */
  readonly only: RegExp | undefined;
  readonly kept: AgreementResult | undefined;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Prunes the embedded model on wasm and on each backend, by the built command line. Rows that are not run anew stay. */
export async function runAgreement(options: AgreementOptions): Promise<AgreementResult> {
  const { names, settings, only, kept, progress, signal } = options;
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-agreement-"));
  const rows = new Map(kept?.rows.map((row) => [`${row.label}: ${row.case}`, row]));
  const runs = new Runs(folder, settings, execute, signal);
  try {
    for (const { name, rotation, flags } of cases) {
      const title =
        rotation === "none" ? name : `${name}, rotations ${rotation === "file" ? "given" : "learned"}`;
      if (only && !only.test(title)) continue;
      for (const backend of names) {
        if (backend === reference) continue;
        try {
          const row = await compare(runs, backend, { title, rotation, flags });
          rows.set(`${row.label}: ${row.case}`, row);
          progress(
            `${row.label}, ${title}: masks ${row.masks.toFixed(4)}, perplexity ${row.perplexity.join(" and ")}`,
          );
        } catch (error) {
          progress(`${backend}, ${title}: left out, ${(error as Error).message}`);
        }
      }
    }
    return { suite: "agreement", rows: [...rows.values()] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Run {
  readonly out: string;
  readonly backend: { readonly description: Readonly<Record<string, unknown>> };
  readonly blocks: readonly {
    readonly rotation: { readonly objective: { readonly best: number } | null } | null;
  }[];
  readonly evaluation: { readonly dense: { perplexity: number }; readonly pruned: { perplexity: number } };
  readonly seconds: number;
}

/** Runs of the command line, each once. */
class Runs {
  readonly #done = new Map<string, Promise<Run>>();

  constructor(
    readonly folder: string,
    readonly settings: readonly string[],
    readonly run: Execute,
    readonly signal: AbortSignal,
  ) {}

  prune(backend: MeasuredBackend, flags: readonly string[]): Promise<Run> {
    const key = [backend, ...flags].join(" ");
    let run = this.#done.get(key);
    if (!run) {
      run = this.#prune(backend, flags, join(this.folder, String(this.#done.size)));
      this.#done.set(key, run);
    }
    return run;
  }

  async #prune(name: MeasuredBackend, flags: readonly string[], out: string): Promise<Run> {
    const { backend, flags: own } = measuredBackends[name];
    const args = ["prune", "tiny", "--backend", backend, ...own, ...this.settings, ...flags];
    const printed = await this.run([...args, "--eval", "--out", out, "--json"], this.signal);
    return { ...(JSON.parse(printed) as Omit<Run, "out">), out };
  }
}

async function compare(
  runs: Runs,
  backend: MeasuredBackend,
  { title, rotation, flags }: { title: string; rotation: Rotation; flags: readonly string[] },
): Promise<AgreementRow> {
  const turned = [...flags, ...(await rotationFlags(runs, rotation, flags))];
  const expected = await runs.prune(reference, turned);
  const actual = await runs.prune(backend, turned);
  const both = (figure: (run: Run) => number) => [figure(expected), figure(actual)] as const;
  const plain =
    rotation === "learned" ? await runs.prune(reference, [...flags, "--rotate", "none"]) : undefined;
  const { description } = actual.backend;
  return {
    ...{ label: labelOf(backend, description), case: title, machine: machine(), versions: engineVersions() },
    ...{ description, settings: runs.settings },
    perplexity: both(({ evaluation }) => evaluation.pruned.perplexity),
    masks: await maskAgreement(expected.out, actual.out),
    gapClosed: plain ? both((run) => gapClosed(plain, run)) : null,
    objective: plain ? both(objectiveOf) : null,
    seconds: both(({ seconds }) => seconds),
  };
}

/** Rotations come from none, from what wasm learned, or are learned by whoever runs. */
async function rotationFlags(runs: Runs, rotation: Rotation, flags: readonly string[]): Promise<string[]> {
  if (rotation === "none") return ["--rotate", "none"];
  if (rotation === "learned") return [];
  const file = join(runs.folder, "rotation.safetensors");
  await runs.prune(reference, [...flags, "--save-rotation", file]);
  return ["--rotation", file];
}

function gapClosed(plain: Run, { evaluation: { dense, pruned } }: Run): number {
  const before = plain.evaluation.pruned.perplexity;
  return (before - pruned.perplexity) / (before - dense.perplexity);
}

const objectiveOf = ({ blocks }: Run): number =>
  blocks.reduce((sum, { rotation }) => sum + (rotation?.objective?.best ?? 0), 0);

async function maskAgreement(first: string, second: string): Promise<number> {
  await using one = await openCheckpoint(first);
  await using other = await openCheckpoint(second);
  let [alike, all] = [0, 0];
  for (const name of one.names) {
    if (!/_proj\.weight$/.test(name)) continue;
    const [a, b] = [await one.readFloat32(name), await other.readFloat32(name)];
    for (let i = 0; i < a.length; i++) if ((a[i] === 0) === (b[i] === 0)) alike++;
    all += a.length;
  }
  return alike / all;
}

/** Rows of the table: head first. */
export const agreementRows = ({ rows }: AgreementResult): string[][] => [
  [
    "backend",
    "pruner",
    "perplexity, wasm",
    "backend",
    "apart",
    "masks alike",
    "gap closed, wasm",
    "backend",
    "objective apart",
  ],
  ...rows.map(({ label, case: title, perplexity: [a, b], masks, gapClosed: closed, objective }) => [
    ...[label, title, a.toFixed(3), b.toFixed(3), percent(b / a - 1), percent(masks)],
    ...(closed ? closed.map((share) => share.toFixed(3)) : ["", ""]),
    objective ? percent(objective[1] / objective[0] - 1) : "",
  ]),
];

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
