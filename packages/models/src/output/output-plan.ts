import type { WeightDType, WriteEntry } from "@denoise-rotator/checkpoint";
import type { WeightSource } from "../load-block.js";
import { blockTensorNames, blockTensors, outerTensors } from "../tensor-layout.js";
import type { OutputForm } from "./output-config.js";

/**
 * What the output's files will hold, in the order it is known: embedding, blocks, final norm, head. Changes of basis
 * between blocks are f32 whatever the rest is: they are a small part of the file, and all activations pass them.
 */
export function planOutput(source: WeightSource, form: OutputForm): WriteEntry[] {
  const { config, family } = source;
  const outer = outerTensors(config, family, form.tied);
  const blocks = Array.from({ length: config.layerCount }, (_, index) =>
    blockTensors(config, family, index, form.rotated),
  );
  const rotations = new Set(blocks.map((_, index) => blockTensorNames(family, index).inputRotation));
  const needs = [outer[0]!, ...blocks.flat(), ...outer.slice(1)];
  return needs.map(({ name, shape }) => {
    const dtype = rotations.has(name) ? "f32" : (form.dtype ?? sourceDType(source, name));
    return { name, shape, dtype };
  });
}

/** The dtype a tensor has; an untied head has its embedding's. */
function sourceDType({ checkpoint, config, family }: WeightSource, name: string): WeightDType {
  const untied = name === family.head && config.tieWordEmbeddings;
  return checkpoint.weightDType(untied ? family.embedding : name);
}
