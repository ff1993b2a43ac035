import {
  type CreationOptions,
  item,
  OptionError,
  Random,
  type Tensor,
  valueAndGrad,
} from "@denoise-rotator/core";
import type { Manifold } from "./manifold.js";
import type { ProductManifold } from "./product.js";
import { checkSettings, descend } from "./solvers/descend.js";
import { adamLearningRate, adamRule, sgdLearningRate, sgdRule } from "./solvers/riemannian.js";
import type { Rule } from "./solvers/rule.js";
import type {
  OrthogonalObjective,
  SolverOptions,
  SolverState,
  StepInfo,
  StoppingRule,
} from "./solvers/solver.js";
import { disposeAll } from "./tensors.js";

export interface MinimizeOptions<M, P> {
  readonly on: M;
  /** Default: a random point from `seed`. */
  readonly start?: P;
  /** Default 100. */
  readonly steps?: number;
  /** Default 0.05 for adam, where it is about the root mean square of a step's entries; 0.1 for sgd. */
  readonly learningRate?: number;
  /** Default `adam`. */
  readonly optimizer?: "adam" | "sgd";
  /** Of `sgd`; default 0. */
  readonly momentum?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Where and as what a random start is made. */
  readonly creation?: CreationOptions;
  /** Default: all steps are taken. */
  readonly stop?: StoppingRule;
  readonly onStep?: (info: StepInfo) => unknown;
  /** A checkpoint of the same run, which then continues to the same bytes. */
  readonly resume?: SolverState;
  readonly signal?: AbortSignal;
}

export interface MinimizeResult<P> {
  /** The best point seen; the caller disposes. */
  readonly x: P;
  readonly value: number;
  /** Values before each step and after the last: steps + 1. */
  readonly trace: readonly number[];
}

/**
 * Minimises `f` over a manifold by autograd and Riemannian Adam or SGD; `f` is synchronous and returns one element. On a
 * product it takes one tensor for each factor. Returns the best point seen. Points are restored every 20 steps.
 *
 * @throws NonFiniteError naming the step if value or gradient is NaN or infinite; OptionError if steps or learning rate
 *   are out of range, or `resume` is of another run; what `start` fails of `on.check`; the signal's reason on abort.
 */
export async function minimize(
  f: (x: Tensor) => Tensor,
  options: MinimizeOptions<Manifold, Tensor>,
): Promise<MinimizeResult<Tensor>>;
export async function minimize(
  f: (...x: Tensor[]) => Tensor,
  options: MinimizeOptions<ProductManifold, readonly Tensor[]>,
): Promise<MinimizeResult<readonly Tensor[]>>;
export async function minimize(
  f: (...x: Tensor[]) => Tensor,
  options: MinimizeOptions<Manifold, Tensor> | MinimizeOptions<ProductManifold, readonly Tensor[]>,
): Promise<MinimizeResult<Tensor | readonly Tensor[]>> {
  const { on, start } = options;
  const factors = "factors" in on ? on.factors : [on];
  const given =
    start === undefined ? undefined : "factors" in on ? (start as readonly Tensor[]) : [start as Tensor];
  const { optimizer = "adam", steps = 100 } = options;
  const learningRate = options.learningRate ?? (optimizer === "adam" ? adamLearningRate : sgdLearningRate);
  checkSettings("minimize", { ...options, steps }, learningRate);
  const x = await startingPoint(factors, given, options);
  try {
    const settings = { learningRate, momentum: options.momentum ?? 0 };
    const rule = (optimizer === "adam" ? adamRule(factors, settings) : sgdRule(factors, settings)) as Rule;
    const identity = { solver: `minimize ${optimizer}`, settings };
    const result = await descend(byAutograd(f), rule, x, identity, solverOptions(options, steps));
    const { points, best, trace } = result;
    return { x: "factors" in on ? points : points[0]!, value: best, trace };
  } finally {
    disposeAll(x);
  }
}

type Settings = Omit<MinimizeOptions<unknown, unknown>, "on" | "start">;

const solverOptions = ({ seed, stop, onStep, resume, signal }: Settings, steps: number): SolverOptions => ({
  steps,
  ...(seed === undefined ? {} : { seed }),
  ...(stop ? { stop } : {}),
  ...(onStep ? { onStep } : {}),
  ...(resume ? { resume } : {}),
  ...(signal ? { signal } : {}),
});

async function startingPoint(
  factors: readonly Manifold[],
  start: readonly Tensor[] | undefined,
  settings: Settings,
) {
  if (!start) {
    const rng = new Random(settings.seed ?? 0);
    return factors.map((factor) => factor.random(rng, settings.creation));
  }
  if (start.length !== factors.length) {
    throw new OptionError(`start has ${start.length} points for ${factors.length} factors`);
  }
  for (const [i, factor] of factors.entries()) await factor.check(start[i]!);
  return start.map((part) => part.alias());
}

/** Value and Euclidean gradients of a function of tensors. */
const byAutograd = (f: (...x: Tensor[]) => Tensor): OrthogonalObjective => ({
  name: "minimised",
  async evaluate(points) {
    const { value, grads } = valueAndGrad(f)(...points);
    using scalar = value;
    return { value: await item(scalar), gradients: [...grads] };
  },
});
