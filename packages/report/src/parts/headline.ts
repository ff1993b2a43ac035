import * as Plot from "@observablehq/plot";
import { fixed, percent, whole } from "../format.js";
import { type Html, html } from "../html.js";
import { chart } from "../plots/chart.js";
import { centred, wide } from "../plots/sizes.js";
import type { ReportPerplexity, ReportRecord } from "../record/schema.js";
import { absent, figure, section } from "./section.js";
import { isPlain, prunedLabel } from "./wording.js";

interface Row {
  readonly label: string;
  readonly color: string;
  readonly result: ReportPerplexity;
}

/** The perplexities this run knows, and what part of the gap rotation closed. */
export function headline(record: ReportRecord): Html {
  const { evaluation } = record;
  if (!evaluation) {
    return section(
      "perplexity",
      "Perplexity",
      absent(
        "This run evaluated nothing: prune with --eval, or with --eval-plain for the pruner without rotation too.",
      ),
    );
  }
  const { dense, pruned, plain } = evaluation;
  const rows: Row[] = [{ label: "dense", color: "var(--dense)", result: dense }];
  if (plain && !isPlain(record))
    rows.push({ label: "pruned, as published", color: "var(--before)", result: plain });
  rows.push({
    label: prunedLabel(record),
    color: isPlain(record) ? "var(--before)" : "var(--after)",
    result: pruned,
  });
  const { tokens, windows, windowLength } = dense;
  return section(
    "perplexity",
    "Perplexity",
    html`<dl class="tiles">${rows.map(tile)}${gap(record, rows)}</dl>`,
    figure(
      perplexities(rows),
      html`Perplexity of ${whole(tokens)} held-out tokens in ${whole(windows)} windows of ${whole(windowLength)}; lower is better. Bars reach one
      standard error to each side. All models saw the same windows, so differences between them are surer than the bars suggest.`,
    ),
    plain ? undefined : absent(withoutPlain),
  );
}

const withoutPlain =
  "What the pruner does without rotation was not measured, so there is no gap to close here; --eval-plain measures it.";

const tile = ({ label, color, result }: Row): Html =>
  html`<div style="--color:${color}"><dt>${label}</dt><dd>${fixed(result.perplexity, 2)}<small> ± ${fixed(result.perplexityStandardError, 2)}</small></dd></div>`;

function gap(record: ReportRecord, rows: readonly Row[]): Html | undefined {
  const { dense, pruned, plain } = record.evaluation!;
  if (isPlain(record) || !plain || rows.length < 3) return undefined;
  const cost = plain.perplexity - dense.perplexity;
  if (!(cost > 0)) return undefined;
  return html`<div><dt>gap closed</dt><dd>${percent((plain.perplexity - pruned.perplexity) / cost)}<small> of ${fixed(cost, 2)}</small></dd></div>`;
}

function perplexities(rows: readonly Row[]): Html {
  const labels = rows.map(({ label }) => label);
  const low = ({ result }: Row) => result.perplexity - result.perplexityStandardError;
  const high = ({ result }: Row) => result.perplexity + result.perplexityStandardError;
  const listed = rows.map(({ label, result }) => `${label} ${fixed(result.perplexity, 2)}`).join(", ");
  return chart({
    alt: `Perplexities with standard errors: ${listed}.`,
    width: wide,
    height: 34 * rows.length + 52,
    marginLeft: 150,
    marginRight: 70,
    marginTop: 6,
    marginBottom: 42,
    x: {
      label: "perplexity of held-out text",
      ...centred,
      nice: true,
      grid: true,
      domain: [Math.min(...rows.map(low)), Math.max(...rows.map(high))],
    },
    y: { type: "band", domain: labels, label: null, tickSize: 0 },
    marks: [
      Plot.ruleY(rows, { y: "label", x1: low, x2: high, stroke: "color", strokeWidth: 2 }),
      ...[low, high].map((end) =>
        Plot.tickX(rows, { y: "label", x: end, stroke: "color", strokeWidth: 2, inset: 10 }),
      ),
      Plot.dot(rows, { y: "label", x: ({ result }: Row) => result.perplexity, fill: "color", r: 5 }),
      Plot.text(rows, {
        y: "label",
        x: high,
        text: ({ result }: Row) => fixed(result.perplexity, 2),
        dx: 10,
        textAnchor: "start",
        fontVariant: "tabular-nums",
        fontWeight: 600,
        fontSize: 12,
      }),
    ],
  });
}
