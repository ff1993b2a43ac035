import { html } from "./html.js";
import { cost } from "./parts/cost.js";
import { headline } from "./parts/headline.js";
import { importances } from "./parts/importance.js";
import { learning } from "./parts/learning.js";
import { pictures } from "./parts/pictures.js";
import { pruning } from "./parts/pruning.js";
import { settings } from "./parts/settings.js";
import { title } from "./parts/wording.js";
import type { ReportRecord } from "./record/schema.js";
import { style } from "./style.js";

/**
 * A run record as one HTML page that needs nothing else: no scripts, no network. The same record gives the same text,
 * wherever it is made.
 */
export function renderReport(record: ReportRecord): string {
  const heading = title(record);
  const { model, options, blocks } = record;
  const parts = [headline, importances, pictures, learning, pruning, cost, settings];
  const { text } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="denoise-rotator">
<title>${heading}: ${options.model}</title>
<link rel="icon" href="data:,">
<style>${style()}</style>
</head>
<body>
<main>
<header>
<p class="kind">denoise-rotator prune</p>
<h1>${heading}</h1>
<p class="model">${options.model} · ${model.family}, ${blocks.length} ${blocks.length === 1 ? "block" : "blocks"}</p>
</header>
${parts.map((part) => part(record))}
</main>
</body>
</html>
`;
  return text;
}
