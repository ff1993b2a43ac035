import { OptionError } from "@denoise-rotator/core";
import { pruneBlock } from "@denoise-rotator/pruners";
import { absorb, denoise, type Rotation, rotationOf } from "@denoise-rotator/rotator";
import type { BlockContext, Stage } from "./context.js";
import { restoreRotation, storeRotation } from "./rotation-file.js";

const rotates = ({ options, skip, block }: BlockContext) =>
  options.rotate !== "none" && !skip.block(block.index);
const prunes = ({ skip, block, pruner }: BlockContext) => pruner.name !== "none" && !skip.block(block.index);

/** Norm gains go into the layers that read them; only then do rotations commute with the norms. */
export const foldNorms: Stage = {
  name: "fold",
  applies: rotates,
  run: ({ block }) => block.foldNorms(),
};

/** Input statistics H of every site, on the outputs of the blocks pruned before. */
export const capture: Stage = {
  name: "capture",
  applies: rotates,
  run: ({ block }) => block.capture(),
};

/** Learns R1 and R2 (or takes them from a file), absorbs them and proves that the block computes what it did. */
export const rotate: Stage = {
  name: "rotate",
  applies: rotates,
  async run(context) {
    const { block, options, learned } = context;
    const rotation = await obtain(context);
    try {
      if (options.saveRotation !== null) learned.set(block.index, await storeRotation(rotation));
      const { invarianceError } = await absorb(block, rotation);
      const { objective } = rotation;
      context.rotation = {
        objective: objective.name,
        start: objective.start,
        best: objective.best,
        steps: objective.steps,
        trace: objective.trace,
        invarianceError,
      };
      context.entropies = new Map(rotation.sites.map(({ role, entropy }) => [role, entropy]));
    } finally {
      rotation.dispose();
    }
  },
};

async function obtain(context: BlockContext): Promise<Rotation> {
  const { block, options, pattern, pruner, solver, given, device, progress, blocks, signal } = context;
  const settings = { importance: pruner.importance, objective: options.objective, pattern };
  if (given) {
    const stored = given.get(block.index);
    if (!stored) throw new OptionError(`--rotation ${options.rotation}: holds no rotation of ${block.name}`);
    return rotationOf(block, restoreRotation(stored, device), settings);
  }
  return denoise(block, {
    ...settings,
    solver,
    steps: options.steps,
    ...(signal ? { signal } : {}),
    onStep: ({ step, best }) =>
      progress({
        stage: "rotate",
        block: block.index + 1,
        blocks,
        detail: `step ${step}/${options.steps}, ${options.objective} ${best.toPrecision(5)}`,
      }),
  });
}

/** Prunes group by group, capturing H anew before each. */
export const prune: Stage = {
  name: "prune",
  applies: prunes,
  async run(context) {
    const { block, pruner, skip, pattern, entropies } = context;
    const report = await pruneBlock(block, pruner, {
      pattern,
      skip: (role) => skip.site(block.index, role),
    });
    context.sites = report.sites.map((site) => ({
      name: site.name,
      role: site.role,
      skipped: site.skipped,
      entropy: entropies.get(site.role) ?? null,
      sparsity: site.sparsity,
      error: site.error,
    }));
  },
};

/** What happens to each block, in this order. */
export const blockStages: readonly Stage[] = [foldNorms, capture, rotate, prune];
