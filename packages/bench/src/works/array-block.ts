import { type DecoderBlock, Site, siteRoles } from "@denoise-rotator/contracts";
import { type Backend, fromTyped } from "@denoise-rotator/core";
import type { Dense } from "../contender.js";
import { statisticsRoles } from "./block-shape.js";

export interface ArrayBlock extends DecoderBlock {
  readonly sites: readonly Site[];
}

/** A decoder block of given weights and statistics; it cannot be run, only rotated. */
export function arrayBlock(
  arrays: readonly Dense[],
  sizes: readonly number[],
  backend: Backend,
  dtype: "f32" | "f64" = "f32",
): ArrayBlock {
  const [hiddenSize, count, keyValueCount, dim] = sizes as [number, number, number, number];
  const tensor = ({ data, shape }: Dense) =>
    fromTyped(dtype === "f64" ? Float64Array.from(data) : data, shape, dtype, backend);
  const grams = arrays.slice(siteRoles.length).map(tensor);
  const [attention, output, mlp, down] = statisticsRoles.map((_, i) => ({ gram: grams[i]!, tokens: 1 }));
  const statistics = {
    ...{ qProj: attention!, kProj: attention!, vProj: attention!, oProj: output! },
    ...{ gateProj: mlp!, upProj: mlp!, downProj: down! },
  };
  const sites: readonly Site[] = siteRoles.map((role, i) => {
    const site = new Site({ name: role, role, weight: tensor(arrays[i]!) });
    site.setStatistics(statistics[role]);
    return site;
  });
  const unavailable = async (): Promise<never> => {
    throw new Error("a block of arrays has no inputs to run over");
  };
  return {
    ...{ name: "block", index: 0, hiddenSize, heads: { count, keyValueCount, dim }, sites },
    groups: [["qProj", "kProj", "vProj"], ["oProj"], ["gateProj", "upProj"], ["downProj"]],
    residualBasis: undefined,
    setResidualBasis: unavailable,
    async foldNorms() {},
    capture: unavailable,
    sampleOutputs: unavailable,
  };
}

export function disposeArrayBlock({ sites }: ArrayBlock): void {
  for (const site of sites) site.dispose();
}
