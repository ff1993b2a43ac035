import type { CheckpointEntry, PackedPattern, WeightDType } from "@denoise-rotator/checkpoint";
import { siteRoles } from "@denoise-rotator/contracts";
import { blockTensorNames, blockTensors, outerTensors } from "../tensor-layout.js";
import type { WeightSource } from "../weight-source.js";
import type { OutputForm, SitePacking } from "./output-config.js";

/**
 * What the output's files will hold, in the order it is known: embedding, blocks, final norm, head. Changes of basis
 * between blocks are f32 whatever the rest is: they are a small part of the file, and all activations pass them.
 */
export function planOutput(source: WeightSource, form: OutputForm): CheckpointEntry[] {
  const { config, family } = source;
  const outer = outerTensors(config, family, form.tied);
  const blocks = Array.from({ length: config.layerCount }, (_, index) =>
    blockTensors(config, family, index, form.rotated),
  );
  const rotations = new Set(blocks.map((_, index) => blockTensorNames(family, index).inputRotation));
  const packed = packedWeights(source, form.packed);
  const needs = [outer[0]!, ...blocks.flat(), ...outer.slice(1)];
  return needs.map(({ name, shape }) => {
    const dtype = rotations.has(name) ? "f32" : (form.dtype ?? sourceDType(source, name));
    return { name, shape, dtype, packed: packed.get(name) };
  });
}

/** Patterns of the weights that are stored packed, by name. */
function packedWeights({ config, family }: WeightSource, packing: SitePacking | undefined) {
  const weights = new Map<string, PackedPattern>();
  for (let index = 0; packing && index < config.layerCount; index++) {
    const { linear } = blockTensorNames(family, index);
    for (const role of siteRoles) {
      const pattern = packing(index, role);
      if (pattern) weights.set(`${linear(role)}.weight`, pattern);
    }
  }
  return weights;
}

/** The dtype a tensor has; an untied head has its embedding's. */
function sourceDType({ checkpoint, config, family }: WeightSource, name: string): WeightDType {
  const untied = name === family.head && config.tieWordEmbeddings;
  return checkpoint.weightDType(untied ? family.embedding : name);
}
