import {
  type DecoderBlock,
  type DenseSample,
  type SiteRole,
  siteOf,
  siteRoles,
} from "@denoise-rotator/contracts";
import {
  eye,
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
  /** Whose kept weights are learned; default all sites. */
  readonly roles?: readonly SiteRole[];
  /** Learns the block's output map too, from the one it has or the identity; see {@link transport}. Default false. */
  readonly outputMap?: boolean;
  readonly onStep?: (info: { step: number; loss: number }) => void;
  readonly signal?: AbortSignal;
}

/** What reconstruction did to one block. */
export interface ReconstructReport {
  readonly steps: number;
  /**
   * ‖Y − Y′‖² / ‖Y′‖² over all calibration windows before and after, Y′ the dense block's outputs for the dense model's
   * inputs; after a last block of their normalised forms.
   */
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
  const problem = reconstructionProblem(block, options.roles ?? siteRoles, options.outputMap ?? false);
  try {
    const before = await meanLoss(problem, problem.start);
    const learned = await learn(problem, { ...options, steps, learningRate, batch, seed });
    let taken = false;
    try {
      const after = await meanLoss(problem, learned);
      taken = after < before;
      if (taken) problem.take(learned);
      return { steps, before, after: taken ? after : before };
    } finally {
      if (!taken) disposeAll(learned);
    }
  } finally {
    disposeAll(problem.start);
  }
}

/** What is learned: the sites' weights and, where wanted, the output map after them. */
interface Problem {
  readonly name: string;
  readonly windowCount: number;
  readonly roles: readonly SiteRole[];
  readonly start: readonly Tensor[];
  readonly sample: NonNullable<DecoderBlock["sampleDense"]>;
  /** Gives the block its new tensors, which it owns from then on. */
  readonly take: (learned: readonly Tensor[]) => void;
}

function reconstructionProblem(block: DecoderBlock, roles: readonly SiteRole[], withMap: boolean): Problem {
  const { name, windowCount, hiddenSize } = block;
  if (!block.sampleDense || !windowCount) {
    throw new OptionError(`${name} cannot be reconstructed: it has no sampleDense()`);
  }
  if (withMap && !block.setOutputMap)
    throw new OptionError(`${name} has no place for an output map: setOutputMap()`);
  const sites = roles.map((role) => siteOf(block, role));
  const start = sites.map(({ weight }) => weight.alias());
  if (withMap) {
    const { dtype, backend } = start[0]!;
    start.push(block.outputMap?.alias() ?? eye(hiddenSize, { dtype, backend }));
  }
  return {
    name,
    windowCount,
    roles,
    start,
    sample: (windows) => block.sampleDense!(windows),
    take: (learned) => {
      for (const [i, site] of sites.entries()) site.setWeight(learned[i]!);
      if (withMap) block.setOutputMap!(learned[sites.length]!);
    },
  };
}

const disposeAll = (tensors: readonly Tensor[]) => {
  for (const x of tensors) x.dispose();
};

/** The block's outputs with what is learned in its place. */
const outputs = ({ roles }: Problem, sample: DenseSample, values: readonly Tensor[]): Tensor =>
  sample.forward(new Map(roles.map((role, i) => [role, values[i]!])), values[roles.length]);

interface Learning extends ReconstructOptions {
  readonly steps: number;
  readonly learningRate: number;
  readonly batch: number;
  readonly seed: number;
}

async function learn(problem: Problem, options: Learning): Promise<Tensor[]> {
  const { steps, batch, onStep, signal } = options;
  const adam = new Adam(options);
  const masks = problem.roles.map((_, i) =>
    tidy(() => problem.start[i]!.notEqual(0).cast(problem.start[i]!.dtype)),
  );
  const draw = windowsOf(problem.windowCount, Math.min(batch, problem.windowCount), options.seed);
  let values = problem.start.map((x) => x.alias());
  try {
    for (let t = 0; t < steps; t++) {
      signal?.throwIfAborted();
      using sample = problem.sample(draw());
      const { value, grads } = tidy(() => {
        const found = valueAndGrad((...x) => relativeDistance(outputs(problem, sample, x), sample.target))(
          ...values,
        );
        // Where the gradient is masked a zero stays zero.
        return { value: found.value, grads: found.grads.map((g, i) => (masks[i] ? g.mul(masks[i]) : g)) };
      });
      try {
        const loss = await finite(value, problem.name, t);
        const next = adam.step(values, grads, 1 - t / steps);
        disposeAll(values);
        values = next;
        onStep?.({ step: t + 1, loss });
      } finally {
        disposeAll([value, ...grads]);
      }
    }
    return values;
  } catch (error) {
    disposeAll(values);
    throw error;
  } finally {
    adam.dispose();
    disposeAll(masks);
  }
}

const relativeDistance = (y: Tensor, target: Tensor): Tensor =>
  y.sub(target).square().sum().div(target.square().sum().maximum(1e-30));

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
async function meanLoss(problem: Problem, values: readonly Tensor[]): Promise<number> {
  const { windowCount } = problem;
  let [lost, whole] = [0, 0];
  for (let start = 0; start < windowCount; start += 8) {
    const windows = Array.from({ length: Math.min(8, windowCount - start) }, (_, i) => start + i);
    using sample = problem.sample(windows);
    using figures = tidy(() => {
      const { target } = sample;
      return stack([outputs(problem, sample, values).sub(target).square().sum(), target.square().sum()]);
    });
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
