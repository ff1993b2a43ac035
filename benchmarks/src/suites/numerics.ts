import {
  type MeasuredErrors,
  measureErrors,
  type ToleranceName,
  tolerances,
} from "@denoise-rotator/backend-testkit";
import { labelOf, type MeasuredBackend, openMeasured } from "../backends/measured-backends.js";
import { engineVersions, type Machine, machine } from "../machine.js";

/** The errors of one backend. */
export interface NumericsColumn {
  readonly label: string;
  readonly backend: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly description: Readonly<Record<string, unknown>>;
  /** Samples of each case. */
  readonly runs: number;
  /** An error of `null` is infinite. */
  readonly kernels: MeasuredErrors["kernels"];
  readonly failures: MeasuredErrors["failures"];
}

export interface NumericsResult {
  readonly suite: "numerics";
  readonly columns: readonly NumericsColumn[];
}

/** Devices may flush results below the smallest normal number to zero; every backend is held to the same cases. */
const flushing = Object.fromEntries(
  (["add", "sub", "mul", "square", "sum"] as const).map((op) => [op, { ...tolerances[op], flush: true }]),
);

/**
 * The largest error of every kernel of the named backends against f64. Columns of `kept` that are not measured anew stay;
 * a backend that cannot run here is reported and left out.
 */
export async function runNumerics(
  names: readonly MeasuredBackend[],
  runs: number,
  kept: NumericsResult | undefined,
  progress: (line: string) => void,
): Promise<NumericsResult> {
  const columns = new Map(kept?.columns.map((column) => [column.label, column]));
  for (const name of names) {
    try {
      const column = await measureColumn(name, runs);
      columns.set(column.label, column);
      progress(`${column.label}: ${column.failures.length} cases failed`);
      for (const { name: failed, message } of column.failures)
        progress(`  ${failed}: ${message.split("\n")[0]}`);
    } catch (error) {
      progress(`${name}: left out, ${(error as Error).message}`);
    }
  }
  return { suite: "numerics", columns: [...columns.values()] };
}

async function measureColumn(name: MeasuredBackend, runs: number): Promise<NumericsColumn> {
  const backend = await openMeasured(name);
  try {
    const { description } = backend.capabilities;
    const measured = await measureErrors(backend, { runs, subnormals: false, tolerances: flushing });
    const label = labelOf(name, description);
    return {
      label,
      backend: name,
      machine: machine(),
      versions: engineVersions(),
      description,
      runs,
      ...measured,
    };
  } finally {
    await backend.dispose();
  }
}

/** Rows of the table of kernels: head first. */
export function numericsRows({ columns }: NumericsResult): string[][] {
  const head = ["kernel", "relative to", ...columns.map(({ label }) => label)];
  const names = Object.keys(tolerances) as ToleranceName[];
  const rows = names.flatMap((name) => {
    const measured = columns.map(({ kernels }) => kernels[name]);
    const first = measured.find((entry) => entry !== undefined);
    if (!first) return [];
    return [[name, first.relativeTo, ...measured.map((entry) => (entry ? cell(entry.error) : "–"))]];
  });
  return [head, ...rows];
}

const cell = (error: number | null): string =>
  error === null || error === Number.POSITIVE_INFINITY ? "wrong" : error === 0 ? "0" : error.toExponential(1);

/** A line for each column: what was measured, where, with which versions. */
export const numericsNotes = ({ columns }: NumericsResult): string =>
  columns
    .map(({ label, machine: { cpu, platform }, versions, description, runs, failures }) => {
      const details = Object.entries(description).map(([key, value]) => `${key} ${value}`);
      const failed = failures.length > 0 ? `; fails ${failures.map(({ name }) => name).join(", ")}` : "";
      return `- **${label}**: ${details.join(", ")}; Node ${versions.node}, ${cpu}, ${platform}; ${runs} samples a case${failed}`;
    })
    .join("\n");
