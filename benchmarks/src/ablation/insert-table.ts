import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->`. Throws where a marker is missing. */
export function insertBetweenMarkers(text: string, name: string, content: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(open), text.indexOf(close)];
  if (from < 0 || to < from) throw new Error(`the text has no ${open} … ${close}`);
  return `${text.slice(0, from + open.length)}\n\n${content}\n\n${text.slice(to)}`;
}

/** As {@link insertBetweenMarkers} on a file. Whether the file is there and has the markers. */
export function insertIntoFile(path: string, name: string, content: string): boolean {
  if (!existsSync(path)) return false;
  const text = readFileSync(path, "utf8");
  if (!text.includes(`<!-- ${name} -->`)) return false;
  writeFileSync(path, insertBetweenMarkers(text, name, content));
  return true;
}
