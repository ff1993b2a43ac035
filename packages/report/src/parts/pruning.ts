import { figure as number, percent, siteName, whole } from "../format.js";
import { type Html, html } from "../html.js";
import { ramp } from "../plots/legend.js";
import { siteGrid } from "../plots/site-grid.js";
import type { ReportRecord } from "../record/schema.js";
import { type PlacedSite, placedSites } from "./importance.js";
import { absent, figure, section } from "./section.js";
import { rolesOf } from "./wording.js";

/** Sparsity and error of every site. */
export function pruning(record: ReportRecord): Html {
  const sites = placedSites(record);
  const heading = "Pruning";
  if (sites.length === 0) return section("pruning", heading, absent("No site was pruned in this run."));
  return section(
    "pruning",
    heading,
    html`<p>${whole(sites.length)} sites pruned, ${whole(sites.reduce((sum, { weights }) => sum + weights, 0))} weights. ${
      record.maskValid
        ? "Every one of them was read back from the checkpoint and obeys its pattern."
        : html`<strong>At least one of them breaks its pattern in the written checkpoint.</strong>`
    }${left(record, sites)}</p>`,
    errors(record, sites),
    reconstructions(record),
    sparsities(record, sites),
    table(sites),
  );
}

function left({ blocks }: ReportRecord, sites: readonly PlacedSite[]): string {
  const missing = rolesOf(sites).length * blocks.length - sites.length;
  return missing > 0 ? ` ${missing} sites of these kinds were left dense (--skip).` : "";
}

function errors({ blocks, options }: ReportRecord, sites: readonly PlacedSite[]): Html {
  const most = Math.max(...sites.map(({ error }) => error));
  return figure(
    html`${siteGrid({
      alt: `Relative reconstruction error by site and block, ${number(most)} at most.`,
      cells: sites.map(({ block, role, error }) => ({ block, role, value: error })),
      roles: rolesOf(sites),
      blocks: blocks.length,
      domain: [0, most],
      format: number,
    })}${ramp("reconstruction error", "0", number(most))}`,
    html`What pruning changed in the outputs of every site on the calibration text, ‖(W − Ŵ)X‖² / ‖WX‖²${
      options.match ? ", W being the weight that matches the dense model's outputs" : ""
    }.`,
  );
}

/** What learning the kept weights of whole blocks brought. */
function reconstructions({ blocks }: ReportRecord): Html | undefined {
  const cells = (["before", "after"] as const).flatMap((role) =>
    blocks.flatMap(({ reconstruction }, block) =>
      reconstruction ? [{ block, role, value: reconstruction[role] }] : [],
    ),
  );
  if (cells.length === 0) return undefined;
  const most = Math.max(...cells.map(({ value }) => value));
  return figure(
    html`${siteGrid({
      alt: `Distance of the blocks' outputs from the dense model's before and after reconstruction, ${number(most)} at most.`,
      cells,
      roles: ["before", "after"],
      blocks: blocks.length,
      domain: [0, most],
      format: number,
    })}${ramp("distance of outputs", "0", number(most))}`,
    "How far the outputs of every block are from the dense model's, ‖Y − Y′‖² / ‖Y′‖², before and after its kept weights were learned together (--reconstruct).",
  );
}

function sparsities({ blocks }: ReportRecord, sites: readonly PlacedSite[]): Html {
  const values = sites.map(({ sparsity }) => sparsity);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (most - least < 0.0005) return html`<p>Every pruned site has a sparsity of ${percent(most, 1)}.</p>`;
  return figure(
    html`${siteGrid({
      alt: `Sparsity by site and block, from ${percent(least, 1)} to ${percent(most, 1)}.`,
      cells: sites.map(({ block, role, sparsity }) => ({ block, role, value: sparsity })),
      roles: rolesOf(sites),
      blocks: blocks.length,
      domain: [least, most],
      format: (value) => percent(value, 1),
    })}${ramp("sparsity", percent(least, 1), percent(most, 1))}`,
    "The share of weights that was pruned of every site.",
  );
}

function table(sites: readonly PlacedSite[]): Html {
  const entropies = sites.some(({ entropy }) => entropy);
  const head = ["block", "site", "weights", "sparsity", "error"];
  const more = ["entropy before (nats)", "after (nats)", "prunable before", "after"];
  const rows = sites.map(({ block, role, weights, sparsity, error, entropy, prunable }) => [
    ...[String(block), siteName(role), whole(weights), percent(sparsity, 1), number(error)],
    ...(entropies
      ? [
          entropy ? whole(entropy.before) : "–",
          entropy ? whole(entropy.after) : "–",
          prunable ? percent(prunable.before, 1) : "–",
          prunable ? percent(prunable.after, 1) : "–",
        ]
      : []),
  ]);
  const columns = entropies ? [...head, ...more] : head;
  return html`<details><summary>All figures, site by site</summary><div class="scroll" tabindex="0" role="region" aria-label="Figures of all sites"><table>
<caption>${entropies ? "Prunable: the share of its importance that the pattern would remove." : "Pruned sites."}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>${rows.map(
    (
      cells,
    ) => html`<tr>${cells.map((cell, i) => (i === 0 ? html`<th scope="row">${cell}</th>` : html`<td>${cell}</td>`))}</tr>
`,
  )}</tbody></table></div></details>`;
}
