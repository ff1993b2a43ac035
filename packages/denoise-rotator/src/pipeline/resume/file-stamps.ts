import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";

/** How a file is told from a changed one: its weights are not read for it. */
export interface FileStamp {
  /** In its folder. */
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** Of a folder, files that a model or a text consists of. */
const counted = /\.(safetensors|gguf|json|jinja|model|parquet|txt|gz)$/;

/** Stamps of a file, or of the files in a folder by their names; `undefined` where there is none, as for `embedded`. */
export async function stampsOf(path: string): Promise<readonly FileStamp[] | undefined> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats) return undefined;
  if (!stats.isDirectory()) return [{ name: basename(path), bytes: stats.size, modified: stats.mtimeMs }];
  const stamps: FileStamp[] = [];
  for (const name of (await readdir(path)).sort()) {
    const inner = counted.test(name) ? await stat(join(path, name)).catch(() => undefined) : undefined;
    if (inner?.isFile()) stamps.push({ name, bytes: inner.size, modified: inner.mtimeMs });
  }
  return stamps;
}

/** Name of the first file that differs, is missing or is new. */
export function changedFile(before: readonly FileStamp[], now: readonly FileStamp[]): string | undefined {
  const names = [...new Set([...before, ...now].map(({ name }) => name))];
  const find = (stamps: readonly FileStamp[], wanted: string) => stamps.find(({ name }) => name === wanted);
  return names.find((name) => {
    const [a, b] = [find(before, name), find(now, name)];
    return a?.bytes !== b?.bytes || a?.modified !== b?.modified;
  });
}
