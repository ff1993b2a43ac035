import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ReportRecord } from "../src/index.js";

/**
 * The record of `denoise-rotator prune tiny --eval-plain --out tiny-2of4`, made by the command of
 * `packages/report/README.md`.
 */
export const tinyText = readFileSync(fileURLToPath(new URL("./fixtures/run.json", import.meta.url)), "utf8");

type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
export type MutableRecord = Mutable<ReportRecord>;

export const tiny = (): MutableRecord => JSON.parse(tinyText) as MutableRecord;

/** Without rotation and as published, by magnitude, and not evaluated. */
export function plain(): MutableRecord {
  const record = tiny();
  Object.assign(record.options, { pruner: "magnitude", rotate: "none", match: false, refine: "none" });
  for (const block of record.blocks) {
    block.rotation = null;
    if (block.picture) block.picture.importance = null;
    for (const site of block.sites) Object.assign(site, { entropy: null, prunable: null, held: null });
  }
  return { ...record, invarianceError: null, evaluation: null };
}

/** With rotations from a file: what learning finds out is missing. */
export function given(): MutableRecord {
  const record = plain();
  Object.assign(record.options, { pruner: "wanda", rotate: "per-block", rotation: "saved.safetensors" });
  for (const block of record.blocks) block.rotation = { objective: null, invarianceError: 1e-6 };
  return { ...record, invarianceError: 1e-6 };
}

/** As many blocks as a real model has, made of the four there are; shares of their own for every site. */
export function many(count = 32): MutableRecord {
  const record = tiny();
  const blocks = Array.from({ length: count }, (_, index) => {
    const block = structuredClone(record.blocks[index % record.blocks.length]!);
    const sites = block.sites.map((site, i) => ({
      ...site,
      sparsity: 0.4 + 0.2 * (((7 * index + i) % 13) / 13),
    }));
    return {
      ...block,
      name: `model.layers.${index}`,
      sites,
      picture: index === 0 ? block.picture : null,
      reconstruction: { before: 0.02, after: 0.01 },
    };
  });
  return { ...record, options: { ...record.options, sparsity: "0.5", allocation: "sensitivity" }, blocks };
}
