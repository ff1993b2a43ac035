import type { Checkpoint, DecoderConfig } from "@denoise-rotator/checkpoint";
import { Site, siteRoles } from "@denoise-rotator/contracts";
import { type Backend, fromTyped, type Tensor } from "@denoise-rotator/core";
import type { Activations } from "./activations.js";
import type { DecoderFamily } from "./families/family.js";
import { LoadedBlock } from "./loaded-block.js";
import { blockTensorNames } from "./tensor-layout.js";

/** Where weights come from and where they go. */
export interface WeightSource {
  readonly checkpoint: Checkpoint;
  readonly config: DecoderConfig;
  readonly family: DecoderFamily;
  readonly device: Backend;
}

export interface LoadBlockOptions {
  /** Calibration inputs, for `capture` and `sampleOutputs`. */
  readonly inputs?: Activations | undefined;
  /** What the dense model's block reads for the same tokens, for `trackDense`. */
  readonly denseInputs?: Activations | undefined;
  /** Checked between batches of `capture`. */
  readonly signal?: AbortSignal | undefined;
}

/** Reads a tensor onto the device in f32. NaN and infinity are errors naming the tensor. The caller disposes. */
export async function loadTensor({ checkpoint, device }: WeightSource, name: string): Promise<Tensor> {
  return fromTyped(await checkpoint.readFloat32(name), checkpoint.shape(name), "f32", device);
}

/** Reads the weights of block `index`; the caller disposes of it. On an error nothing stays on the device. */
export async function loadBlock(
  source: WeightSource,
  index: number,
  options: LoadBlockOptions = {},
): Promise<LoadedBlock> {
  const { checkpoint, config, family, device } = source;
  const names = blockTensorNames(family, index);
  const held: { dispose(): void }[] = [];
  const take = async (name: string) => {
    const x = await loadTensor(source, name);
    held.push(x);
    return x;
  };
  const gain = async (name: string) => {
    const values = await checkpoint.readFloat32(name);
    const x = fromTyped(values, [config.hiddenSize], "f32", device);
    held.push(x);
    return { x, isOne: values.every((value) => value === 1) };
  };
  try {
    const attention = await gain(names.attentionNorm);
    const feedForward = await gain(names.feedForwardNorm);
    const inputRotation = config.rotated && index > 0 ? await take(names.inputRotation) : undefined;
    const { headNorms: norms } = names;
    const headNorms = norms && { query: await take(norms.query), key: await take(norms.key) };
    const sites: Site[] = [];
    for (const role of siteRoles) {
      const name = names.linear(role);
      const weight = await take(`${name}.weight`);
      const bias = family.linears[role].hasBias(config) ? await take(`${name}.bias`) : undefined;
      sites.push(new Site({ name, role, weight, bias }));
    }
    const tensors = {
      sites,
      attentionNorm: attention.x,
      feedForwardNorm: feedForward.x,
      inputRotation,
      headNorms,
      folded: attention.isOne && feedForward.isOne,
    };
    return new LoadedBlock({ name: names.prefix, index, config, device, tensors, ...options });
  } catch (error) {
    for (const handle of held) handle.dispose();
    throw error;
  }
}
