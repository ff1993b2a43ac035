/** Markup that is safe to put into a page. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Content = Html | string | number | readonly Content[] | undefined | null | false;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as it stands in elements and in quoted attributes. */
export const escape = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => entities[character]!);

function markupOf(content: Content): string {
  if (content === undefined || content === null || content === false) return "";
  if (content instanceof Html) return content.text;
  if (Array.isArray(content)) return content.map(markupOf).join("");
  return escape(String(content));
}

/** Markup from a template: what is put in is escaped unless it is markup itself; nothing stands for what is absent. */
export const html = (parts: TemplateStringsArray, ...contents: readonly Content[]): Html =>
  new Html(parts.map((part, i) => part + (i < contents.length ? markupOf(contents[i]) : "")).join(""));
