import { siteName } from "../format.js";
import type { ReportRecord, ReportSite } from "../record/schema.js";

const pruners: Readonly<Record<string, string>> = {
  magnitude: "Magnitude",
  wanda: "Wanda",
  sparsegpt: "SparseGPT",
  admm: "ADMM",
};

export const prunerName = ({ options }: ReportRecord): string => pruners[options.pruner] ?? options.pruner;

/** Whether the run is the pruner as published: nothing was rotated, matched, refined or reconstructed. */
export const isPlain = ({ options }: ReportRecord): boolean =>
  options.rotate === "none" &&
  !options.match &&
  options.refine === "none" &&
  options.reconstruct === 0 &&
  options.allocation === "uniform";

export const prunedLabel = (record: ReportRecord): string => {
  if (record.options.pruner === "none") return "rotated, not pruned";
  if (isPlain(record)) return "pruned, as published";
  return record.options.rotate === "none" ? "pruned, this run" : "rotated and pruned";
};

export function title(record: ReportRecord): string {
  const { rotate, sparsity, pruner, rotation } = record.options;
  const rotated =
    rotate === "none"
      ? "without rotation"
      : `after ${rotation === null ? "learned" : "given"} rotations${rotate === "shared" ? " that all blocks share" : ""}`;
  return pruner === "none" ? `No pruning, ${rotated}` : `${prunerName(record)} ${sparsity} ${rotated}`;
}

/** Why the page lacks `what` of rotations, in a sentence. */
export function without({ options }: ReportRecord, what: string): string {
  if (options.rotate === "none") return `${what}: this run rotated nothing (--rotate none).`;
  if (options.rotation !== null) {
    return `${what}: the rotations came from ${options.rotation} (--rotation), so nothing was learned in this run.`;
  }
  return `${what}: no rotation was learned in this run.`;
}

/** Roles of the sites that the record tells of, in the order in which a block uses them. */
export function rolesOf(sites: readonly Pick<ReportSite, "role">[]): string[] {
  const order = ["qProj", "kProj", "vProj", "oProj", "gateProj", "upProj", "downProj"];
  const found = new Set(sites.map(({ role }) => role));
  return [...order.filter((role) => found.has(role)), ...[...found].filter((role) => !order.includes(role))];
}

/** `model.layers.3.self_attn.q_proj` for people: `block 3, q`. */
export const siteLabel = (block: number, role: string): string => `block ${block}, ${siteName(role)}`;
