import * as Plot from "@observablehq/plot";
import { bytes, duration, percent } from "../format.js";
import { type Html, html } from "../html.js";
import { chart } from "../plots/chart.js";
import { centred, wide } from "../plots/sizes.js";
import type { ReportRecord } from "../record/schema.js";
import { figure, section } from "./section.js";

/** The share of all time that a stage is shown from. */
const leastShown = 0.002;

/** Time by stage, memory, and what it ran on. */
export function cost(record: ReportRecord): Html {
  const { seconds, stages, peakMemoryBytes } = record;
  const all = Object.entries(stages).map(([stage, { seconds, flops }]) => ({ stage, seconds, flops }));
  const known = all.reduce((sum, stage) => sum + stage.seconds, 0);
  const rows = all
    .filter((stage) => stage.seconds >= leastShown * known)
    .sort((a, b) => b.seconds - a.seconds);
  const unit = known > 600 ? { name: "min", seconds: 60 } : { name: "s", seconds: 1 };
  const where = (stage: { seconds: number; flops: number }) => {
    const rate = stage.seconds > 0 ? stage.flops / stage.seconds / 1e9 : 0;
    return `${duration(stage.seconds)} · ${percent(stage.seconds / known)}${rate >= 1 ? ` · ${Math.round(rate)} GFLOP/s` : ""}`;
  };
  return section(
    "cost",
    "Time and memory",
    html`<p>${duration(seconds)} in all; peak memory ${bytes(peakMemoryBytes)}. ${environment(record)}</p>`,
    figure(
      chart({
        alt: `Time by stage: ${rows.map((row) => `${row.stage} ${duration(row.seconds)}`).join(", ")}.`,
        width: wide,
        height: 24 * rows.length + 52,
        marginLeft: 150,
        marginRight: 190,
        marginTop: 4,
        marginBottom: 40,
        x: {
          label: `time (${unit.name})`,
          ...centred,
          grid: true,
          transform: (value: number) => value / unit.seconds,
        },
        y: { type: "band", domain: rows.map(({ stage }) => stage), label: null, tickSize: 0, padding: 0.25 },
        marks: [
          Plot.barX(rows, { x: "seconds", y: "stage", fill: "var(--after)" }),
          Plot.text(rows, {
            x: "seconds",
            y: "stage",
            text: where,
            textAnchor: "start",
            dx: 6,
            fontSize: 11,
            fontVariant: "tabular-nums",
          }),
        ],
      }),
      `Wall time by stage, with its share and the rate of its matrix products; stages below ${percent(leastShown, 1)} are left out.`,
    ),
  );
}

function environment({ backend, versions, calibration }: ReportRecord): string {
  const { threads, adapter, mode } = backend.description;
  const details = [
    typeof threads === "number" ? `${threads} ${threads === 1 ? "thread" : "threads"}` : "",
    typeof adapter === "string" ? adapter : "",
    typeof mode === "string" ? `mode ${mode}` : "",
  ].filter(Boolean);
  const where = details.length > 0 ? ` (${details.join(", ")})` : "";
  return `On ${backend.name}${where}, ${Object.entries(versions)
    .filter(([, version]) => version)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ")}; calibrated on ${calibration.windows} windows of ${calibration.windowLength} tokens.`;
}
