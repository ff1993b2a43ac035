import { type SoakSample, soak } from "@denoise-rotator/backend-testkit";
import { labelOf, type MeasuredBackend, openMeasured } from "../backends/measured-backends.js";
import { engineVersions, type Machine, machine } from "../machine.js";

/** How a long run on one backend went. */
export interface SoakRow {
  readonly label: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly description: Readonly<Record<string, unknown>>;
  readonly dispatches: number;
  readonly reads: number;
  readonly seconds: number;
  /** Resident bytes of the process, twenty samples over the run. */
  readonly residentBytes: readonly number[];
}

export interface SoakResult {
  readonly suite: "soak";
  readonly rows: readonly SoakRow[];
}

/** Runs kernels with reads on each backend in turn. Throws where a value is wrong or memory stays allocated. */
export async function runSoak(
  names: readonly MeasuredBackend[],
  dispatches: number,
  kept: SoakResult | undefined,
  progress: (line: string) => void,
): Promise<SoakResult> {
  const rows = new Map(kept?.rows.map((row) => [row.label, row]));
  for (const name of names) {
    const device = await openMeasured(name).catch((error: Error) =>
      progress(`${name}: left out, ${error.message}`),
    );
    if (!device) continue;
    try {
      const { description } = device.capabilities;
      const residentBytes: number[] = [];
      const onSample = ({ dispatches: done }: SoakSample) => {
        residentBytes.push(process.memoryUsage.rss());
        progress(`${name}: ${done} dispatches, ${(residentBytes.at(-1)! / 2 ** 20).toFixed(0)} MiB resident`);
      };
      const started = performance.now();
      const { reads, dispatches: done } = await soak(device, { dispatches, onSample });
      const seconds = (performance.now() - started) / 1000;
      const label = labelOf(name, description);
      const about = { label, machine: machine(), versions: engineVersions(), description };
      rows.set(label, { ...about, dispatches: done, reads, seconds, residentBytes });
    } finally {
      await device.dispose();
    }
  }
  return { suite: "soak", rows: [...rows.values()] };
}

/** Rows of the table: head first. Growth is from a quarter of the run, when pools and caches have filled, to its end. */
export const soakRows = ({ rows }: SoakResult): string[][] => [
  ["backend", "dispatches", "reads", "seconds", "resident at a quarter, MiB", "at the end, MiB"],
  ...rows.map(({ label, dispatches, reads, seconds, residentBytes }) => {
    const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
    const quarter = residentBytes[Math.floor(residentBytes.length / 4)]!;
    const figures = [
      dispatches,
      reads,
      seconds.toFixed(0),
      mebibytes(quarter),
      mebibytes(residentBytes.at(-1)!),
    ];
    return [label, ...figures.map(String)];
  }),
];
