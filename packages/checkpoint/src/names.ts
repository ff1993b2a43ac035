/** A name from a stranger's file, short enough for one line. */
export function shorten(text: string): string {
  const line = text.replace(/\p{Cc}/gu, "?");
  return line.length > 80 ? `${line.slice(0, 77)}…` : line;
}
