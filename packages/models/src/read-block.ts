import { type SiteRole, siteRoles } from "@denoise-rotator/contracts";
import { fromTyped, type Tensor } from "@denoise-rotator/core";
import type { BlockParts } from "./block-forward.js";
import { blockTensorNames } from "./tensor-layout.js";
import { loadTensor, type WeightSource } from "./weight-source.js";

/** The tensors of a block on the device, weights of its sites as W. */
export interface ReadBlock<W> {
  /** Name of the block, such as `model.layers.0`. */
  readonly name: string;
  readonly sites: readonly {
    /** Full name of the layer. */
    readonly name: string;
    readonly role: SiteRole;
    readonly weight: W;
    readonly bias: Tensor | undefined;
  }[];
  readonly attentionNorm: Tensor;
  readonly feedForwardNorm: Tensor;
  readonly inputRotation: Tensor | undefined;
  readonly headNorms: BlockParts["headNorms"];
  /** Whether both gains are 1. */
  readonly folded: boolean;
}

/** Reads the tensors of block `index`, weights of its sites by `readWeight`. On an error nothing stays on the device. */
export async function readBlock<W extends { dispose(): void }>(
  source: WeightSource,
  index: number,
  readWeight: (name: string) => Promise<W>,
): Promise<ReadBlock<W>> {
  const { checkpoint, config, family, device } = source;
  const names = blockTensorNames(family, index);
  const held: { dispose(): void }[] = [];
  const hold = async <T extends { dispose(): void }>(reading: Promise<T>): Promise<T> => {
    const x = await reading;
    held.push(x);
    return x;
  };
  const take = (name: string) => hold(loadTensor(source, name));
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
    const sites = [];
    for (const role of siteRoles) {
      const name = names.linear(role);
      const weight = await hold(readWeight(`${name}.weight`));
      const bias = family.linears[role].hasBias(config) ? await take(`${name}.bias`) : undefined;
      sites.push({ name, role, weight, bias });
    }
    return {
      name: names.prefix,
      sites,
      attentionNorm: attention.x,
      feedForwardNorm: feedForward.x,
      inputRotation,
      headNorms,
      folded: attention.isOne && feedForward.isOne,
    };
  } catch (error) {
    for (const handle of held) handle.dispose();
    throw error;
  }
}
