import * as Plot from "@observablehq/plot";
import { percent, siteName } from "../format.js";
import { type Html, html } from "../html.js";
import { chart } from "../plots/chart.js";
import { legend, ramp } from "../plots/legend.js";
import { siteGrid } from "../plots/site-grid.js";
import { centred, panelSize } from "../plots/sizes.js";
import type { ReportRecord, ReportSite } from "../record/schema.js";
import { absent, figure, section } from "./section.js";
import { rolesOf, without } from "./wording.js";

/** A site with the index of its block. */
export type PlacedSite = ReportSite & { readonly block: number };

export const placedSites = ({ blocks }: ReportRecord): PlacedSite[] =>
  blocks.flatMap(({ sites }, block) => sites.map((site) => ({ ...site, block }) as PlacedSite));

export const beforeAfterLegend = legend([
  { label: "before rotation", color: "var(--before)" },
  { label: "after rotation", color: "var(--after)" },
]);

/** What rotation did to the importance of every layer. */
export function importances(record: ReportRecord): Html {
  const sites = placedSites(record);
  const known = sites.filter(({ entropy }) => entropy !== null);
  const id = "importance";
  const heading = "What rotation did to importance";
  if (known.length === 0)
    return section(id, heading, absent(without(record, "No before and after of importances")));
  return section(
    id,
    heading,
    fallOfEntropy(record, known),
    prunable(record, known),
    entropies(record, known),
    concentration(record, sites),
  );
}

function fallOfEntropy({ blocks }: ReportRecord, sites: readonly PlacedSite[]): Html {
  const cells = sites.map(({ block, role, entropy }) => ({
    block,
    role,
    value: entropy!.before > 0 ? (entropy!.before - entropy!.after) / entropy!.before : 0,
  }));
  const most = Math.max(0.01, ...cells.map(({ value }) => value));
  const all = cells.reduce((sum, { value }) => sum + value, 0) / cells.length;
  return figure(
    html`${siteGrid({
      alt: `Fall of entropy by site and block; ${percent(all, 1)} on average, ${percent(most, 1)} at most.`,
      cells,
      roles: rolesOf(sites),
      blocks: blocks.length,
      domain: [0, most],
      format: (value) => percent(value, 1),
    })}${ramp("fall of entropy", "0", percent(most, 1))}`,
    html`How far rotation lowered the entropy of importances, relative to the entropy before: ${percent(all, 1)} on average over the sites. Low entropy is
    importance on few weights.`,
  );
}

/** What the pattern would take of every site's importance, before and after. */
function prunable({ blocks, options }: ReportRecord, sites: readonly PlacedSite[]): Html | undefined {
  const known = sites.filter((site) => site.prunable !== null);
  if (known.length === 0) return undefined;
  const moments = (["before", "after"] as const).map((moment) => {
    const cells = known.map(({ block, role, prunable }) => ({ block, role, value: prunable![moment] }));
    return { moment, cells, mean: cells.reduce((sum, { value }) => sum + value, 0) / cells.length };
  });
  const most = Math.max(...moments.flatMap(({ cells }) => cells.map(({ value }) => value)));
  const grids = moments.map(
    ({ moment, cells, mean }) =>
      html`<div><h3>${moment} rotation: ${percent(mean, 1)} on average</h3>${siteGrid({
        alt: `Share of importance that ${options.sparsity} would prune ${moment} rotation, by site and block; ${percent(mean, 1)} on average.`,
        cells,
        roles: rolesOf(known),
        blocks: blocks.length,
        domain: [0, most],
        format: (value) => percent(value, 1),
      })}</div>`,
  );
  return figure(
    html`<div class="grids${blocks.length <= 6 ? " few" : ""}">${grids}</div>${ramp("importance pruned", "0", percent(most, 1))}`,
    html`The share of every site's importance that lies on the weights which ${options.sparsity} would prune: what pruning has to do without.`,
  );
}

/** A panel a site; blocks along x. */
function entropies({ blocks }: ReportRecord, sites: readonly PlacedSite[]): Html {
  const panels = rolesOf(sites).map((role) => {
    const own = sites.filter((site) => site.role === role);
    const points = own.flatMap(({ block, entropy }) =>
      (["before", "after"] as const).map((moment) => ({ block, moment, value: entropy![moment] / 1000 })),
    );
    const one = blocks.length === 1;
    return panel(
      role,
      chart({
        alt: `Entropy of ${siteName(role)} by block before and after rotation, in thousands of nats.`,
        ...panelSize,
        x: {
          domain: one ? [-0.5, 0.5] : [0, blocks.length - 1],
          label: "block",
          ...centred,
          ticks: blockTicks(blocks.length),
          tickFormat: String,
        },
        y: { label: "1000 nats", ...centred, ticks: 4, grid: true, nice: true, zero: false },
        marks: [
          Plot.line(points, { x: "block", y: "value", z: "moment", stroke: colorOf, strokeWidth: 1.5 }),
          Plot.dot(points, { x: "block", y: "value", fill: colorOf, r: 2.5 }),
        ],
      }),
    );
  });
  return figure(
    html`${beforeAfterLegend}<div class="panels">${panels}</div>`,
    "Entropy of the importances of every site in thousands of nats, summed over its groups (rows, or columns where outputs are rotated), by block.",
    "wide",
  );
}

/** A few of the blocks, the first and the last among them where they are evenly spaced. */
function blockTicks(blocks: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100].find((step) => (blocks - 1) / step <= 5) ?? 200;
  return Array.from({ length: Math.floor((blocks - 1) / step) + 1 }, (_, i) => i * step);
}

/** Lines of before and after: `moment` says which. */
export const colorOf = ({ moment }: { readonly moment: string }): string => `var(--${moment})`;

export const panel = (role: string, picture: Html): Html =>
  html`<div class="panel"><h3>${siteName(role)}</h3>${picture}</div>`;

/** A curve with its ends: no weights hold nothing, all weights everything. */
const spread = (shares: readonly number[], parts: readonly number[]): [share: number, part: number][] => [
  [0, 0],
  ...shares.map((share, i): [number, number] => [share, parts[i]!]),
  [1, 1],
];

function concentration(record: ReportRecord, sites: readonly PlacedSite[]): Html {
  const known = sites.filter(({ held }) => held !== null);
  if (known.length === 0) return absent("This record has no curves of sorted importances.");
  const shares = record.heldShares;
  const panels = rolesOf(known).map((role) => {
    const points = known
      .filter((site) => site.role === role)
      .flatMap(({ block, held }) =>
        (["before", "after"] as const).flatMap((moment) =>
          spread(shares, held![moment]).map(([share, part]) => ({
            moment,
            line: `${moment} ${block}`,
            share: 100 * share,
            part: 100 * part,
          })),
        ),
      );
    return panel(
      role,
      chart({
        alt: `Share of the importance of ${siteName(role)} that its most important weights hold, before and after rotation, a line for each block.`,
        ...panelSize,
        x: { domain: [0, 100], label: "top weights (%)", ...centred, ticks: [0, 25, 50, 75, 100] },
        y: {
          domain: [0, 100],
          label: "importance held (%)",
          ...centred,
          ticks: [0, 25, 50, 75, 100],
          grid: true,
        },
        marks: [
          Plot.line(
            [
              [0, 0],
              [100, 100],
            ],
            { stroke: "var(--grid)", strokeDasharray: "3 3" },
          ),
          Plot.line(points, {
            x: "share",
            y: "part",
            z: "line",
            stroke: colorOf,
            strokeWidth: record.blocks.length > 8 ? 0.8 : 1.4,
            strokeOpacity: 0.85,
          }),
        ],
      }),
    );
  });
  return figure(
    html`${beforeAfterLegend}<div class="panels">${panels}</div>`,
    html`Importances sorted, the largest first, and added up: what part of a site's importance its most important weights hold, a line for each
    block. The nearer to the upper left corner, the less is lost with what is pruned; the dashed line is importance spread evenly.`,
    "wide",
  );
}
