/** What Python counts as white space (`str.isspace`), which is not what JavaScript does. */
const space = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const leading = new RegExp(`^${space}+`);
const trailing = new RegExp(`${space}+$`);

/** Python's `str.strip()`. */
export const strip = (text: string): string => stripEnd(text.replace(leading, ""));

/** Python's `str.rstrip()`. */
export const stripEnd = (text: string): string => text.replace(trailing, "");

/** Python's `str.capitalize()`: the first character in upper case, all others in lower case. */
export function capitalize(text: string): string {
  const [first = ""] = text;
  const [initial = "", ...rest] = first.toUpperCase();
  return initial + rest.join("").toLowerCase() + text.slice(first.length).toLowerCase();
}

/** Python's `len(text)`: code points. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
