import { shell } from "../format.js";
import { type Html, html } from "../html.js";
import type { ReportRecord } from "../record/schema.js";
import { section } from "./section.js";

/** What repeats the run, and every option as it was resolved. */
export function settings({ options, repeat, backend }: ReportRecord): Html {
  const command = ["denoise-rotator", ...repeat.map(shell)].join(" ");
  const own = builtIn.has(options.pruner)
    ? undefined
    : html` The pruner ${options.pruner} is no built-in one: give its module.`;
  return section(
    "settings",
    "Repeat this run",
    html`<pre class="command"><code>${command}</code></pre>
<p>The same options on the same engine and backend (${backend.name}) give the same bytes.${own}</p>`,
    html`<table class="options"><caption>Options, with every default filled in</caption>
<thead><tr><th scope="col">option</th><th scope="col">value</th></tr></thead>
<tbody>${Object.entries(options).map(
      ([name, value]) => html`<tr><th scope="row">${name}</th><td>${text(value)}</td></tr>
`,
    )}</tbody></table>`,
  );
}

const builtIn: ReadonlySet<string> = new Set(["magnitude", "wanda", "sparsegpt", "admm", "none"]);

function text(value: unknown): string {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "string" ? value : Array.isArray(value) ? value.join(", ") : JSON.stringify(value);
}
