import { DatasetError } from "./errors.js";
import { rowFileForms } from "./read-rows.js";

/** Words that files of a split have in their names. */
const words: Readonly<Record<string, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test", "testing", "eval", "evaluation"],
};

/**
 * Those of the paths that hold a split: one of the split's words stands by itself in the name of the file or of a folder
 * (`test-00000-of-00001.parquet`, `data/val.jsonl`, `plain_text/test/0000.parquet`). Where a folder has the configuration's name, only what is
 * in it counts; where the split is there in several formats, only the first of parquet, JSON lines, JSON, text.
 *
 * @throws {DatasetError} `NOT_FOUND`, saying what there is instead, or which shard of `-00000-of-00003` is missing.
 */
export function filesOfSplit(
  paths: readonly string[],
  split: string,
  config: string | undefined,
  where: string,
): string[] {
  const inConfig =
    config === undefined ? [] : paths.filter((path) => path.split("/").slice(0, -1).includes(config));
  const candidates = inConfig.length > 0 ? inConfig : paths;
  for (const form of rowFileForms) {
    const found = candidates.filter((path) => form.test(path) && isOfSplit(path, split)).sort();
    if (found.length === 0) continue;
    checkShards(found, where);
    return found;
  }
  const rows = candidates.filter((path) => rowFileForms.some((form) => form.test(path))).sort();
  const shown = rows.slice(0, 10).join(", ") + (rows.length > 10 ? `, … (${rows.length})` : "");
  throw new DatasetError(
    "NOT_FOUND",
    `${where}: has no split ${split}; it has ${shown || "no files of rows"}`,
  );
}

function isOfSplit(path: string, split: string): boolean {
  const wanted = words[split] ?? [split];
  return path.split("/").some((name) =>
    name
      .toLowerCase()
      .split(/[-_.]/)
      .some((word) => wanted.includes(word)),
  );
}

function checkShards(paths: readonly string[], where: string): void {
  for (const path of paths) {
    const [, before, total, after] = /^(.*)\d{5}-of-(\d{5})(.*)$/.exec(path) ?? [];
    for (let i = 0; i < Number(total); i++) {
      const shard = `${before}${String(i).padStart(5, "0")}-of-${total}${after}`;
      if (!paths.includes(shard))
        throw new DatasetError("NOT_FOUND", `${where}: ${shard} is missing; fetch it too`);
    }
  }
}
