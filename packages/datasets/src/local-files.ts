import { readdir, stat } from "node:fs/promises";
import { DatasetError } from "./errors.js";
import { limits } from "./limits.js";

/** Paths of all files below a folder, with slashes and relative to it; hidden ones are left out. */
export async function localFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  let entries = 0;
  const visit = async (inner: string, depth: number): Promise<void> => {
    const names = await readdir(inner === "" ? folder : `${folder}/${inner}`);
    entries += names.length;
    if (entries > limits.entries) {
      throw new DatasetError(
        "LIMIT",
        `${folder}: holds more than ${limits.entries} files and folders; name the one with the rows`,
      );
    }
    for (const name of names.sort()) {
      if (name.startsWith(".")) continue;
      const path = inner === "" ? name : `${inner}/${name}`;
      const stats = await stat(`${folder}/${path}`).catch(() => undefined);
      if (stats?.isFile()) found.push(path);
      else if (stats?.isDirectory() && depth < limits.depth) await visit(path, depth + 1);
    }
  };
  await visit("", 0);
  return found;
}
