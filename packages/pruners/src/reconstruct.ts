import {
  type DecoderBlock,
  type LinearSite,
  type SiteRole,
  siteOf,
  siteRoles,
} from "@denoise-rotator/contracts";
import {
  item,
  NonFiniteError,
  OptionError,
  Random,
  stack,
  type Tensor,
  tidy,
  toNumbers,
  valueAndGrad,
} from "@denoise-rotator/core";
import { Adam } from "./adam.js";

export interface ReconstructOptions {
  /** Default 100. */
  readonly steps?: number;
  /** Of Adam, falling linearly to 0; default 1e-3. */
  readonly learningRate?: number;
  /** Calibration windows of a step; default 8. */
  readonly batch?: number;
  /** Of the order of the windows; default 0. */
  readonly seed?: number;
  /** Whose kept weights are learned; default those of all sites that have zeros. */
  readonly roles?: readonly SiteRole[];
  readonly onStep?: (info: { step: number; loss: number }) => void;
  readonly signal?: AbortSignal;
}

/** What reconstruction did to one block. */
export interface ReconstructReport {
  readonly steps: number;
  /** ‖Y − Y′‖² / ‖Y′‖² over all calibration windows before and after, Y′ the dense block's outputs for the dense model's inputs. */
  readonly before: number;
  readonly after: number;
}

/**
 * Learns the kept weights of a pruned block together, so that its outputs come closest to the dense model's:
 * min ‖Y − Y′‖² / ‖Y′‖² by Adam over batches of calibration windows (as EBFT, Guo et al., arXiv 2402.12419, but with the
 * dense model's own stream as target). Where the sites' least squares of {@link matchedWeight} treat one layer after the other,
 * this sees through attention and SwiGLU. Masks stay. A block that comes out no better keeps its weights.
 *
 * Before: `block.trackDense()` while it was dense (`pruneBlock` with `match` does). Weights are zero exactly where they were.
 *
 * @throws OptionError for options out of range and blocks that cannot be compared with the dense model; NonFiniteError
 *   naming the block where the loss is NaN or infinite.
 */
export async function reconstructBlock(
  block: DecoderBlock,
  options: ReconstructOptions = {},
): Promise<ReconstructReport> {
  const { steps = 100, learningRate = 1e-3, batch = 8, seed = 0 } = options;
  checkOptions(steps, learningRate, batch);
  const problem = reconstructionProblem(block, options.roles ?? siteRoles);
  const before = await meanLoss(
    problem,
    problem.sites.map(({ weight }) => weight),
  );
  const learned = await learn(problem, { ...options, steps, learningRate, batch, seed });
  let taken = false;
  try {
    const after = await meanLoss(problem, learned);
    taken = after < before;
    if (taken) for (const [i, site] of problem.sites.entries()) site.setWeight(learned[i]!);
    return { steps, before, after: Math.min(before, after) };
  } finally {
    if (!taken) for (const weight of learned) weight.dispose();
  }
}

interface Problem {
  readonly name: string;
  readonly windowCount: number;
  readonly sites: readonly LinearSite[];
  readonly sample: NonNullable<DecoderBlock["sampleDense"]>;
}

function reconstructionProblem(block: DecoderBlock, roles: readonly SiteRole[]): Problem {
  const { windowCount } = block;
  if (!block.sampleDense || !windowCount) {
    throw new OptionError(`${block.name} cannot be reconstructed: it has no sampleDense()`);
  }
  return {
    name: block.name,
    windowCount,
    sites: roles.map((role) => siteOf(block, role)),
    sample: (windows) => block.sampleDense!(windows),
  };
}

/** Relative squared distance of the outputs from the target's. */
const distance = (output: Tensor, target: Tensor): Tensor =>
  tidy(() => output.sub(target).square().sum().div(target.square().sum().maximum(1e-30)));

const weightsByRole = (sites: readonly LinearSite[], weights: readonly Tensor[]) =>
  new Map(sites.map(({ role }, i) => [role, weights[i]!]));

interface Learning extends ReconstructOptions {
  readonly steps: number;
  readonly learningRate: number;
  readonly batch: number;
  readonly seed: number;
}

async function learn(problem: Problem, options: Learning): Promise<Tensor[]> {
  const { steps, batch, onStep, signal } = options;
  const { sites } = problem;
  const adam = new Adam(options);
  const masks = sites.map(({ weight }) => tidy(() => weight.notEqual(0).cast(weight.dtype)));
  const draw = windowsOf(problem.windowCount, Math.min(batch, problem.windowCount), options.seed);
  let weights = sites.map(({ weight }) => weight.alias());
  try {
    for (let t = 0; t < steps; t++) {
      signal?.throwIfAborted();
      using sample = problem.sample(draw());
      const loss = (...values: Tensor[]) =>
        distance(sample.forward(weightsByRole(sites, values)), sample.target);
      const { value, grads } = tidy(() => {
        const found = valueAndGrad(loss)(...weights);
        return { value: found.value, grads: found.grads.map((g, i) => g.mul(masks[i]!)) };
      });
      try {
        const figure = await finite(value, problem.name, t);
        const next = adam.step(weights, grads, 1 - t / steps);
        for (const weight of weights) weight.dispose();
        weights = next;
        onStep?.({ step: t + 1, loss: figure });
      } finally {
        for (const x of [value, ...grads]) x.dispose();
      }
    }
    return weights;
  } catch (error) {
    for (const weight of weights) weight.dispose();
    throw error;
  } finally {
    adam.dispose();
    for (const mask of masks) mask.dispose();
  }
}

/** Batches of windows, each window once before any comes again. */
function windowsOf(count: number, batch: number, seed: number): () => number[] {
  const random = new Random(seed);
  let waiting: number[] = [];
  return () => {
    const chosen: number[] = [];
    while (chosen.length < batch) {
      if (waiting.length === 0) waiting = [...random.permutation(count)];
      chosen.push(waiting.pop()!);
    }
    return chosen;
  };
}

/** The loss over all windows, eight at a time. */
async function meanLoss(problem: Problem, weights: readonly Tensor[]): Promise<number> {
  const { windowCount, sites } = problem;
  const values = weightsByRole(sites, weights);
  let [lost, whole] = [0, 0];
  for (let start = 0; start < windowCount; start += 8) {
    const windows = Array.from({ length: Math.min(8, windowCount - start) }, (_, i) => start + i);
    using sample = problem.sample(windows);
    using figures = tidy(() =>
      stack([sample.forward(values).sub(sample.target).square().sum(), sample.target.square().sum()]),
    );
    const [distance, size] = Array.from(await toNumbers(figures)) as [number, number];
    lost += distance;
    whole += size;
  }
  return whole > 0 ? lost / whole : 0;
}

async function finite(value: Tensor, name: string, step: number): Promise<number> {
  const figure = await item(value);
  if (!Number.isFinite(figure)) {
    throw new NonFiniteError(`${name}: the reconstruction loss is ${figure} at step ${step}`);
  }
  return figure;
}

function checkOptions(steps: number, learningRate: number, batch: number): void {
  const whole = (x: number, least: number) => Number.isInteger(x) && x >= least;
  if (!whole(steps, 0)) throw new OptionError(`reconstruct: steps ${steps}, an integer ≥ 0`);
  if (!whole(batch, 1)) throw new OptionError(`reconstruct: batch ${batch}, a number of windows ≥ 1`);
  if (!(learningRate > 0 && Number.isFinite(learningRate))) {
    throw new OptionError(`reconstruct: learning rate ${learningRate}, a positive number`);
  }
}
