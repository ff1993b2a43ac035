import type { Work } from "./contender.js";
import type { Row } from "./harness.js";
import type { Machine } from "./machine.js";

export interface Result {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

/** Plain-text table, with rates next to the times. */
export function table({ machine, versions, rows }: Result, works: readonly Work[]): string {
  const header = ["work", "contender", "threads", "median ms", "GFLOP/s", "ratio"];
  const body = rows.map((row) => {
    const { flops } = works.find(({ name }) => name === row.work)!;
    return [
      row.work,
      row.contender,
      String(row.threads),
      row.median.toFixed(2),
      (flops / row.median / 1e6).toFixed(1),
      row.ratio.toFixed(2),
    ];
  });
  const widths = header.map((_, column) =>
    Math.max(...[header, ...body].map((line) => line[column]!.length)),
  );
  const format = (line: readonly string[]) =>
    line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  const { cpu, cores, memoryGiB, platform } = machine;
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}`,
    list.join(", "),
    "",
    format(header),
    ...body.map(format),
  ].join("\n");
}
