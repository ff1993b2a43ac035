import { type Checkpoint, CheckpointError, type DecoderConfig } from "@denoise-rotator/checkpoint";
import { type SiteRole, siteRoles, siteShapes } from "@denoise-rotator/contracts";
import type { DecoderFamily } from "./families/family.js";

/** A tensor a model needs, by name and shape. */
export interface TensorNeed {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Shape `[out, in]` of every linear layer of a block. */
export function linearShape(config: DecoderConfig, role: SiteRole): readonly [number, number] {
  const { hiddenSize, intermediateSize: intermediate } = config;
  const heads = {
    count: config.headCount,
    keyValueCount: config.keyValueHeadCount,
    dim: config.headDim,
  };
  return siteShapes({ hiddenSize, heads, intermediate })[role];
}

/** Full names of the tensors of one block. */
export function blockTensorNames(family: DecoderFamily, index: number) {
  const prefix = family.blockName(index);
  const at = (name: string) => `${prefix}.${name}`;
  return {
    prefix,
    attentionNorm: at(family.attentionNorm),
    feedForwardNorm: at(family.feedForwardNorm),
    headNorms: family.headNorms && { query: at(family.headNorms.query), key: at(family.headNorms.key) },
    inputRotation: at(family.inputRotation),
    linear: (role: SiteRole) => at(family.linears[role].name),
  };
}

/** The tensors of block `index`, in the order they are written. */
export function blockTensors(
  config: DecoderConfig,
  family: DecoderFamily,
  index: number,
  rotated = config.rotated,
): TensorNeed[] {
  const names = blockTensorNames(family, index);
  const { hiddenSize } = config;
  const needs: TensorNeed[] = [];
  if (rotated && index > 0) needs.push({ name: names.inputRotation, shape: [hiddenSize, hiddenSize] });
  needs.push({ name: names.attentionNorm, shape: [hiddenSize] });
  for (const role of siteRoles) {
    const shape = linearShape(config, role);
    needs.push({ name: `${names.linear(role)}.weight`, shape });
    if (family.linears[role].hasBias(config)) {
      needs.push({ name: `${names.linear(role)}.bias`, shape: [shape[0]] });
    }
  }
  const { query, key } = names.headNorms ?? {};
  for (const name of [query, key]) if (name) needs.push({ name, shape: [config.headDim] });
  needs.push({ name: names.feedForwardNorm, shape: [hiddenSize] });
  return needs;
}

/** The tensors outside the blocks. */
export function outerTensors(config: DecoderConfig, family: DecoderFamily, tied: boolean): TensorNeed[] {
  const matrix = [config.vocabularySize, config.hiddenSize];
  return [
    { name: family.embedding, shape: matrix },
    { name: family.finalNorm, shape: [config.hiddenSize] },
    ...(tied ? [] : [{ name: family.head, shape: matrix }]),
  ];
}

/**
 * Checks from the headers alone that every tensor is there in the shape the configuration asks for.
 *
 * @throws {CheckpointError} `MISSING_TENSOR`, or `WRONG_SHAPE` naming file, tensor and both shapes.
 */
export function checkTensors(checkpoint: Checkpoint, config: DecoderConfig, family: DecoderFamily): void {
  const blocks = Array.from({ length: config.layerCount }, (_, index) => blockTensors(config, family, index));
  for (const { name, shape } of [
    ...outerTensors(config, family, config.tieWordEmbeddings),
    ...blocks.flat(),
  ]) {
    const found = checkpoint.shape(name);
    if (found.length === shape.length && found.every((dim, axis) => dim === shape[axis])) continue;
    throw new CheckpointError(
      "WRONG_SHAPE",
      `${checkpoint.fileOf(name)}: tensor "${name}" is [${found}], config.json asks for [${shape}]`,
    );
  }
}
