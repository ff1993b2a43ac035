import { OptionError } from "@denoise-rotator/core";
import { transport as fitOutputMap, pruneBlock, reconstructBlock } from "@denoise-rotator/pruners";
import {
  absorb,
  denoise,
  type OwnedRotation,
  rotationFromArrays,
  rotationToArrays,
} from "@denoise-rotator/rotator";
import type { BlockContext, RotationReport, Stage } from "./context.js";
import { ImportanceCollector, isPictured } from "./figures/importance-collector.js";
import { needsDenseStream } from "./options.js";
import { rotationSettings } from "./rotation-settings.js";

/** Where rotations are shared, blocks that are skipped turn too: they are dense, but in the basis of the others. */
const rotates = ({ options, skip, block }: BlockContext) =>
  options.rotate === "shared" || (options.rotate === "per-block" && !skip.block(block.index));
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
  // What is shared was learned before; pruning captures for itself.
  applies: (context) => rotates(context) && context.options.rotate !== "shared",
  run: ({ block }) => block.capture(),
};

/** Learns R1 and R2 (or takes them from a file), absorbs them and proves that the block computes what it did. */
export const rotate: Stage = {
  name: "rotate",
  applies: rotates,
  async run(context) {
    const { block, options, learned, reports, given } = context;
    using obtained = await obtain(context);
    const { objective, sites, importances } = obtained;
    if (objective) reports.set(block.index, { objective, sites, importances });
    const twice = options.allocation !== "uniform";
    if (options.saveRotation !== null || twice) {
      await learned.keep(block.index, given?.get(block.index) ?? (await rotationToArrays(obtained)));
    }
    const { invarianceError = null } = await absorb(block, obtained);
    context.rotation = { objective: obtained.objective ?? null, invarianceError };
    context.rotatedSites = new Map(sites?.map((site) => [site.role, site]));
    context.importances = importances ?? null;
  },
};

/** A rotation, with what was learned about it unless it came from a file. */
type Obtained = OwnedRotation & RotationReport;

async function obtain(context: BlockContext): Promise<Obtained> {
  const { block, options, rotationImportance, given, learned, progress, blocks, measure } = context;
  const stored = given ? given.get(block.index) : learned.all.get(block.index);
  if (given || stored) {
    if (!stored) throw new OptionError(`--rotation ${options.rotation}: holds no rotation of ${block.name}`);
    // Nothing is learned from them, and pruning captures for itself.
    if (given || options.allocation === "uniform") {
      for (const site of block.sites) site.setStatistics(undefined);
    }
    return Object.assign(await rotationFromArrays(stored, block), context.reports.get(block.index));
  }
  const collector = new ImportanceCollector(isPictured(block.index, blocks));
  const rotation = await denoise(block, {
    ...rotationSettings(context),
    importance: rotationImportance,
    // Pruning captures for itself; the first pass of an allocation reads H once more.
    releaseStatistics: options.allocation === "uniform",
    onImportances: (...seen) => measure("rotate: figures", () => collector.observe(...seen)),
    onStep: ({ step, best }) =>
      progress({
        stage: "rotate",
        block: block.index + 1,
        blocks,
        detail: `step ${step}/${options.steps}, ${options.objective} ${best.toPrecision(5)}`,
      }),
  });
  return Object.assign(rotation, { importances: collector.figures(rotation.sites) });
}

/** Prunes group by group, capturing H anew before each. */
export const prune: Stage = {
  name: "prune",
  applies: prunes,
  async run(context) {
    const { block, pruner, skip, pattern, rotatedSites, importances, options, measure, shares } = context;
    if (needsDenseStream(options)) block.trackDense();
    const report = await pruneBlock(block, pruner, {
      pattern,
      ...(shares ? { patternOf: ({ name }) => shares.get(name) } : {}),
      refine: options.refine,
      match: options.match,
      releaseStatistics: true,
      measure: (step, body) => (step === "choose" ? body() : measure(`prune: ${step}`, body)),
      skip: ({ role }) => skip.site(block.index, role),
    });
    context.sites = report.sites.map(
      ({ name, role, sparsity, error, shift, maskValid, damping, ...counts }) => ({
        ...{ name, role, sparsity, error, maskValid },
        weights: counts.kept + counts.pruned,
        shift: shift ?? null,
        damping: damping ?? null,
        entropy: rotatedSites.get(role)?.entropy ?? null,
        prunable: rotatedSites.get(role)?.direct ?? null,
        held: importances?.held[role] ?? null,
      }),
    );
  },
};

/** Corrects the pruned block's outputs by a linear map that becomes part of the change of basis after it. */
export const transport: Stage = {
  name: "transport",
  applies: (context) => context.options.transport && prunes(context),
  async run(context) {
    context.transport = await fitOutputMap(context.block);
  },
};

/** Learns the kept weights of the whole block, and its output map where there is one, against the dense model's outputs. */
export const reconstruct: Stage = {
  name: "reconstruct",
  applies: (context) => context.options.reconstruct > 0 && prunes(context),
  async run(context) {
    const { block, options, sites, signal, progress, blocks } = context;
    context.reconstruction = await reconstructBlock(block, {
      steps: options.reconstruct,
      roles: sites.map(({ role }) => role),
      outputMap: options.transport,
      ...(options.seed === null ? {} : { seed: options.seed }),
      ...(signal ? { signal } : {}),
      onStep: ({ step, loss }) =>
        progress({
          stage: "reconstruct",
          block: block.index + 1,
          blocks,
          detail: `step ${step}/${options.reconstruct}, loss ${loss.toPrecision(4)}`,
        }),
    });
  },
};

/** What happens to each block, in this order. */
export const blockStages: readonly Stage[] = [foldNorms, capture, rotate, prune, transport, reconstruct];
