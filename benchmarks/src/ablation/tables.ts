import { markdownTable, mean, standardDeviation } from "@denoise-rotator/bench";
import { jobKey, seeds, type Target, targets } from "./jobs.js";
import type { JobResult } from "./store.js";
import {
  allocationVariants,
  defaults,
  paper200,
  paper2000,
  plain,
  prunerVariants,
  rotationAlone,
  rotationVariants,
  type Variant,
} from "./variants.js";

type Lookup = (key: string) => JobResult | undefined;

/** Perplexities of a variant over seeds, in one column. */
export interface Cell {
  readonly factor: string;
  readonly setting: string;
  readonly pruner: string;
  readonly sparsity: string;
  /** By seed, as far as they were run. */
  readonly perplexities: readonly number[];
  readonly mean: number;
  /** Over seeds; 0 with a single one. */
  readonly standardDeviation: number;
  /** Mean over seeds of the difference to the default with the same seed; `null` where there is none. */
  readonly difference: number | null;
  /** Share of the gap between plain and dense that is closed, from means over the seeds both have; `null` without. */
  readonly gapClosed: number | null;
  /** Mean matrix-product GFLOPs of learning the rotations, and of the whole command. */
  readonly rotateGflops: number;
  readonly gflops: number;
}

const rows: readonly Variant[] = [
  plain,
  defaults,
  paper200,
  paper2000,
  rotationAlone,
  ...rotationVariants,
  ...prunerVariants,
  ...allocationVariants,
];

/** Every cell for which there is a result. */
export function cells(lookup: Lookup): Cell[] {
  const dense = lookup("dense")?.perplexity;
  return targets.flatMap((target) =>
    rows.flatMap((variant): Cell[] => {
      const results = seeds.map((seed) => lookup(jobKey({ ...target, seed, variant })));
      const found = results.filter((result) => result !== undefined);
      if (found.length === 0) return [];
      const against = (other: Variant) =>
        seeds.flatMap((seed, i) => {
          const base = lookup(jobKey({ ...target, seed, variant: other }));
          return base && results[i] ? [[results[i].perplexity, base.perplexity] as const] : [];
        });
      const toDefault = against(defaults).map(([own, base]) => own - base);
      const toPlain = against(plain);
      const gap = (pairs: typeof toPlain, which: 0 | 1) => mean(pairs.map((pair) => pair[which])) - dense!;
      const perplexities = found.map(({ perplexity }) => perplexity);
      return [
        {
          ...{ factor: variant.factor, setting: variant.setting, ...target, perplexities },
          mean: mean(perplexities),
          standardDeviation: standardDeviation(perplexities),
          difference: toDefault.length > 0 ? mean(toDefault) : null,
          gapClosed: dense && toPlain.length > 0 ? 1 - gap(toPlain, 0) / gap(toPlain, 1) : null,
          rotateGflops: mean(found.map(({ rotateGflops }) => rotateGflops)),
          gflops: mean(found.map(({ gflops }) => gflops)),
        },
      ];
    }),
  );
}

/** The rotation's factors: a row for each setting, a column for each pruner and pattern that has results. */
export const rotationTable = (all: readonly Cell[]): string =>
  tableOf(
    all,
    [
      defaults,
      ...rotationVariants.filter(isNotPaper),
      plain,
      rotationAlone,
      paper200,
      ...paperDealt,
      paper2000,
    ],
    {
      header: "GFLOP (rotation)",
      of: ({ rotateGflops }) => rotateGflops,
    },
  );

const isNotPaper = ({ factor }: Variant) => factor !== paper200.factor;
const paperDealt = rotationVariants.filter((variant) => !isNotPaper(variant));

/** The pruners' options likewise. */
export const prunerTable = (all: readonly Cell[]): string =>
  tableOf(all, [plain, rotationAlone, defaults, ...prunerVariants, ...allocationVariants], {
    header: "GFLOP (all)",
    of: ({ gflops }) => gflops,
  });

interface Cost {
  readonly header: string;
  readonly of: (cell: Cell) => number;
}

function tableOf(all: readonly Cell[], variants: readonly Variant[], cost: Cost): string {
  const at = (variant: Variant, target: Target) =>
    all.find(
      (cell) =>
        cell.factor === variant.factor &&
        cell.setting === variant.setting &&
        cell.pruner === target.pruner &&
        cell.sparsity === target.sparsity,
    );
  const columns = targets.filter((target) => variants.some((variant) => at(variant, target)));
  const header = ["factor", "setting", ...columns.map(columnName), cost.header];
  const body = variants.flatMap((variant) => {
    const line = columns.map((column) => at(variant, column));
    const first = line.find((cell) => cell !== undefined);
    if (!first) return [];
    return [[variant.factor, variant.setting, ...line.map(cellText), cost.of(first).toFixed(0)]];
  });
  return markdownTable([header, ...body]);
}

const columnName = ({ pruner, sparsity }: Target) => `${pruner} ${sparsity === "0.5" ? "50 %" : sparsity}`;

/** Mean ± deviation, and the share of the gap closed. Says so where seeds are missing; a single one has no deviation. */
function cellText(cell: Cell | undefined): string {
  if (!cell) return "";
  const count = cell.perplexities.length;
  const deviation = count > 1 ? ` ± ${cell.standardDeviation.toFixed(3)}` : "";
  const spread = `${deviation}${count < seeds.length ? ` (${count} of ${seeds.length})` : ""}`;
  const closed = cell.gapClosed === null ? "" : `, ${(100 * cell.gapClosed).toFixed(0)} %`;
  return `${cell.mean.toFixed(3)}${spread}${closed}`;
}
