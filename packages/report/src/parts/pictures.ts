import * as Plot from "@observablehq/plot";
import { percent, powerOfTen, siteName, whole } from "../format.js";
import { type Html, html } from "../html.js";
import { chart } from "../plots/chart.js";
import { ramp } from "../plots/legend.js";
import { levelChart } from "../plots/level-map.js";
import { centred, wide } from "../plots/sizes.js";
import type { ReportLevelMap, ReportPicture, ReportRecord } from "../record/schema.js";
import { beforeAfterLegend, colorOf } from "./importance.js";
import { absent, figure, section } from "./section.js";
import { without } from "./wording.js";

interface Placed {
  readonly block: number;
  readonly picture: ReportPicture;
}

/** Single layers to look at: importances before and after rotation, and which weights were kept. */
export function pictures(record: ReportRecord): Html {
  const placed: Placed[] = record.blocks.flatMap(({ picture }, block) =>
    picture ? [{ block, picture }] : [],
  );
  const seen = placed.filter(({ picture }) => picture.importance);
  return section(
    "layers",
    "Layers looked at",
    seen.length > 0 ? seen.map((one) => layer(one)) : absent(without(record, "No heat maps of importances")),
    keptPart(placed, record),
  );
}

const size = { width: 432, height: 330 } as const;
const name = ({ block, picture }: Placed) => html`${siteName(picture.role)} of block ${block}`;

function layer(placed: Placed): Html {
  const { role, shape } = placed.picture;
  const { layer: map, sorted } = placed.picture.importance!;
  const [out, inputs] = shape;
  const [rows, columns] = [map.before.length, map.before[0]!.length];
  const what = `${siteName(role)} of block ${placed.block}`;
  const maps = (["before", "after"] as const).map(
    (moment) =>
      html`<div class="panel"><h3>${moment} rotation</h3>${levelChart({
        ...size,
        alt: `Heat map of the importances of ${what}, ${moment} rotation.`,
        rows: map[moment],
        inputs: [0, inputs],
        outputs: [0, out],
      })}</div>`,
  );
  const parts =
    rows < out || columns < inputs
      ? html`, as means over parts of ${parting(out, rows)} × ${parting(inputs, columns)} weights`
      : "";
  return figure(
    html`<h3 class="layer">${name(placed)}</h3><div class="pair">${maps}</div>${scale(map)}${sortedChart(what, sorted)}`,
    html`${placed.picture.name} (${whole(out)} × ${whole(inputs)}): importances before and after rotation on one logarithmic scale${parts}; below, importances of
    single weights in falling order. Of this block's layers, its entropy fell most.`,
    "layer",
  );
}

const parting = (whole: number, parts: number): string => {
  const exact = whole / parts;
  return Number.isInteger(exact) ? String(exact) : `about ${exact.toFixed(1)}`;
};

const power = (log: number): string => {
  const value = 10 ** log;
  return `${value >= 0.01 && value < 1000 ? Number(value.toPrecision(2)) : powerOfTen(log)} ×`;
};
const scale = ({ low, high }: ReportLevelMap): Html =>
  ramp("importance relative to the layer's mean before rotation", power(low), power(high));

function sortedChart(what: string, sorted: { before: readonly number[]; after: readonly number[] }): Html {
  const points = (["before", "after"] as const).flatMap((moment) =>
    sorted[moment].map((value, i) => ({ moment, value, share: (100 * i) / (sorted[moment].length - 1) })),
  );
  const positive = points.filter(({ value }) => value > 0);
  // The very least weights would stretch the scale by decades.
  const lowest = Math.min(...positive.filter(({ share }) => share <= 97).map(({ value }) => value));
  const shown = positive.filter(({ value }) => value >= lowest);
  const half =
    sorted.after[Math.floor(sorted.after.length / 2)]! /
    (sorted.before[Math.floor(sorted.before.length / 2)]! || 1);
  return html`${beforeAfterLegend}${chart({
    alt: `Sorted importances of ${what} before and after rotation; the weight in the middle has ${percent(half)} of the importance it had before.`,
    width: wide,
    height: 240,
    marginLeft: 64,
    marginBottom: 40,
    marginTop: 10,
    x: { domain: [0, 100], label: "weights, most important first (%)", ...centred },
    y: {
      type: "log",
      domain: [lowest, Math.max(...positive.map(({ value }) => value))],
      label: "importance / mean before",
      ...centred,
      ticks: 5,
      tickFormat: (value: number) =>
        /^10*$/.test(String(value)) ? String(value) : powerOfTen(Math.log10(value)),
      grid: true,
    },
    marks: [Plot.line(shown, { x: "share", y: "value", z: "moment", stroke: colorOf, strokeWidth: 2 })],
  })}`;
}

/** A window of the first layer that was pruned. */
function keptPart(placed: readonly Placed[], { options }: ReportRecord): Html {
  const found = placed.find(({ picture }) => picture.kept);
  if (!found) return absent("No layer that is pictured was pruned, so no mask is shown.");
  const kept = found.picture.kept!;
  const [rows, columns] = [kept.length, kept[0]!.length];
  const map = found.picture.importance?.window;
  const group = /^\d+:(\d+)$/.exec(options.sparsity)?.[1];
  const rule = group === undefined ? {} : { rule: Number(group) };
  const frame = { width: wide, height: 320, inputs: [0, columns], outputs: [0, rows], ...rule } as const;
  const what = `the first ${rows} × ${columns} weights of ${siteName(found.picture.role)} of block ${found.block}`;
  // What is kept, in the colour of its importance; what is gone stays open.
  const shown = kept.map((row, i) =>
    Array.from(row, (flag, j) => (flag === "1" ? (map?.after[i]?.[j] ?? "b") : ".")).join(""),
  );
  const share = kept.join("").replaceAll("0", "").length / (rows * columns);
  return figure(
    html`${map ? html`<h3>importances after rotation</h3>${levelChart({ ...frame, alt: `Importances of ${what} after rotation.`, rows: map.after })}<h3>what was kept of them</h3>` : undefined}${levelChart(
      { ...frame, alt: `Which of ${what} were kept: ${percent(share)}.`, rows: shown },
    )}${map ? scale(map) : undefined}`,
    html`The kept-mask pattern: ${what}, weight by weight. ${percent(share)} of this window was kept${group === undefined ? "" : `, by groups of ${group} inputs`}; open cells
    were pruned.`,
    "layer",
  );
}
