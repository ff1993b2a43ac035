import type { LinearSite } from "@denoise-rotator/contracts";
import { type Activations, calibrate, type LoadedBlock, type Model } from "@denoise-rotator/models";
import {
  type AllocationSite,
  allocateSparsity,
  pruneSite,
  scoreProfile,
  wanda,
} from "@denoise-rotator/pruners";
import { blockContext, type RunContext } from "./context.js";
import { capture, foldNorms, rotate } from "./stages.js";

/** Windows that sensitivities are measured on, at most. */
const sensitivityWindows = 16;
/** Bytes of activations that measuring sensitivities keeps on the host, at most (one window at least). */
const sensitivityBytes = 2 ** 31;

/**
 * The share of each layer to remove, by a first pass over the dense model, one block resident at a time: profiles of
 * the layers' scores and, for `sensitivity`, the divergence of the model's predictions when that layer alone is pruned.
 * Rotations are learned in this pass, on the dense blocks, and kept in `context.learned` for the second.
 */
export async function allocate(
  model: Model,
  windows: readonly Int32Array[],
  context: RunContext,
): Promise<Map<string, number>> {
  const { options, skip, signal, progress, blocks, pattern } = context;
  const target = pattern.kind === "unstructured" ? pattern.sparsity : 0;
  const sites: (AllocationSite & { readonly error: number })[] = [];
  let streams: SensitivityStreams | undefined;
  for await (const block of calibrate(model, windows, { rotated: true, ...(signal ? { signal } : {}) })) {
    progress({ stage: "allocate", block: block.index + 1, blocks });
    if (options.allocation === "sensitivity") streams ??= startStreams(model, block);
    await streams?.advance(block);
    if (skip.block(block.index)) continue;
    const at = blockContext(context, block);
    for (const stage of [foldNorms, capture, rotate]) {
      if (stage.applies(at)) await context.measure(stage.name, () => stage.run(at));
    }
    if (!capture.applies(at)) await context.measure(capture.name, () => block.capture());
    for (const site of block.sites.filter(({ role }) => !skip.site(block.index, role))) {
      const profile = await scoreProfile(site);
      const error = streams ? await streams.without(block, site, target) : 1;
      sites.push({ name: site.name, size: site.weight.size, profile, error });
    }
    streams?.enter();
  }
  const divergences = await streams?.divergences();
  const weighted = sites.map((site) => ({
    ...site,
    sensitivity: divergences ? sensitivity(divergences.get(site.name)!, site.error) : 1,
  }));
  return allocateSparsity(weighted, target);
}

/** Divergence for the relative error that caused it. */
const sensitivity = (divergence: number, error: number): number =>
  error > 0 ? Math.max(divergence, 1e-12) / error : 1;

function startStreams(model: Model, { inputs }: LoadedBlock): SensitivityStreams {
  const perWindow = inputs!.length * inputs!.width * 4 * (7 * model.config.layerCount + 1);
  const count = Math.max(1, Math.min(sensitivityWindows, Math.floor(sensitivityBytes / perWindow)));
  return new SensitivityStreams(model, inputs!.first(count));
}

/** The dense model's activations on some windows, and for each layer those of the model with that layer pruned. */
class SensitivityStreams {
  readonly #model: Model;
  readonly #dense: Activations;
  /** Inputs of the block at hand; the dense stream is at its outputs by then. */
  #inputs: Activations;
  readonly #pruned = new Map<string, Activations>();
  /** Of the layers of the block at hand: at its outputs already. */
  #entering = new Map<string, Activations>();

  constructor(model: Model, dense: Activations) {
    this.#model = model;
    this.#dense = dense;
    this.#inputs = dense;
  }

  /** Takes all streams through the block, which is still dense. */
  async advance(block: LoadedBlock): Promise<void> {
    this.#inputs = this.#dense.fork();
    for (const stream of [this.#dense, ...this.#pruned.values()]) await block.run(stream);
  }

  /** Starts the stream of the model without what Wanda prunes of `site`; returns the layer's relative error. */
  async without(block: LoadedBlock, site: LinearSite, sparsity: number): Promise<number> {
    const dense = site.weight.alias();
    const { error } = await pruneSite(site, wanda(), { pattern: sparsity });
    const stream = this.#inputs.fork();
    await block.run(stream);
    site.setWeight(dense);
    this.#entering.set(site.name, stream);
    return error!;
  }

  /** The block is done: its layers' streams go along with the others. */
  enter(): void {
    for (const [name, stream] of this.#entering) this.#pruned.set(name, stream);
    this.#entering = new Map();
  }

  /** KL(dense‖pruned) in nats per token by layer, once all blocks are passed. */
  async divergences(): Promise<Map<string, number>> {
    const found = await this.#model.divergences(this.#dense, [...this.#pruned.values()]);
    return new Map([...this.#pruned.keys()].map((name, i) => [name, found[i]!]));
  }
}
