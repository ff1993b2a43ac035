import { type Html, html } from "../html.js";

export interface LegendEntry {
  readonly label: string;
  /** A CSS colour. */
  readonly color: string;
}

/** Names of colours. */
export const legend = (entries: readonly LegendEntry[]): Html =>
  html`<ul class="legend">${entries.map(
    ({ label, color }) => html`<li><span class="swatch" style="background:${color}"></span>${label}</li>`,
  )}</ul>`;

/** What the colours from level `first` to the last stand for. */
export const ramp = (label: string, from: string, to: string, first = 0): Html =>
  html`<p class="ramp"><span>${label}</span><span>${from}</span><span class="bar">${Array.from(
    { length: 16 - first },
    (_, level) => html`<i style="background:var(--level-${first + level})"></i>`,
  )}</span><span>${to}</span></p>`;
