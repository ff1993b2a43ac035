import { type Content, type Html, html } from "../html.js";

/** A part of the page. */
export const section = (id: string, title: string, ...contents: readonly Content[]): Html =>
  html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${contents}
</section>`;

/** A figure with its caption. */
export const figure = (picture: Content, caption: Content, kind = ""): Html =>
  html`<figure class="${kind}">${picture}<figcaption>${caption}</figcaption></figure>`;

/** Why something is not here. */
export const absent = (reason: Content): Html => html`<p class="absent">${reason}</p>`;
