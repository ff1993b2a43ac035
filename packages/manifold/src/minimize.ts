import {
  type CreationOptions,
  item,
  NonFiniteError,
  OptionError,
  Random,
  type Tensor,
  tidy,
  valueAndGrad,
} from "@denoise-rotator/core";
import type { Manifold } from "./manifold.js";
import { adam, type ManifoldOptimizer, sgd } from "./optimizers.js";
import type { ProductManifold } from "./product.js";
import { disposeAll, jointNorm } from "./tensors.js";

export interface MinimizeStep {
  /** 1 … steps. */
  readonly step: number;
  /** After this step. */
  readonly value: number;
  readonly best: number;
}

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
  /** Default 0. */
  readonly seed?: number;
  /** Where and as what a random start is made. */
  readonly creation?: CreationOptions;
  readonly onStep?: (info: MinimizeStep) => void;
  readonly signal?: AbortSignal;
}

export interface MinimizeResult<P> {
  /** The best point seen; the caller disposes. */
  readonly x: P;
  readonly value: number;
  /** Values before each step and after the last: steps + 1. */
  readonly trace: readonly number[];
}

const restoreEvery = 20;

/**
 * Minimises `f` over a manifold by autograd and Riemannian Adam or SGD; `f` is synchronous and returns one element. On a
 * product it takes one tensor for each factor. Returns the best point seen. Points are restored every 20 steps.
 *
 * @throws NonFiniteError naming the step if value or gradient is NaN or infinite; OptionError if steps or learning rate
 *   are out of range; what `start` fails of `on.check`; the signal's reason on abort.
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
  const result = await minimizeAll(f, factors, given, options);
  return { ...result, x: "factors" in on ? result.x : result.x[0]! };
}

type Settings = Omit<MinimizeOptions<unknown, unknown>, "on" | "start">;

async function minimizeAll(
  f: (...x: Tensor[]) => Tensor,
  factors: readonly Manifold[],
  start: readonly Tensor[] | undefined,
  settings: Settings,
): Promise<MinimizeResult<readonly Tensor[]>> {
  const { steps = 100, optimizer = "adam", onStep, signal } = settings;
  const learningRate = settings.learningRate ?? (optimizer === "adam" ? 0.05 : 0.1);
  if (!Number.isInteger(steps) || steps < 0) throw new OptionError(`steps ${steps} is not an integer ≥ 0`);
  if (!(learningRate > 0)) throw new OptionError(`learning rate ${learningRate} is not > 0`);
  let x = await startingPoint(factors, start, settings);
  let best = { value: Number.POSITIVE_INFINITY, x: x.map((part) => part.alias()) };
  const optimizers = factors.map((factor, i) => (optimizer === "adam" ? adam(factor, x[i]!) : sgd(factor)));
  const trace: number[] = [];
  try {
    for (let step = 0; ; step++) {
      signal?.throwIfAborted();
      const { value, gradients } = await evaluate(f, factors, x, step);
      trace.push(value);
      if (value < best.value) {
        disposeAll(best.x);
        best = { value, x: x.map((part) => part.alias()) };
      }
      if (step > 0) onStep?.({ step, value, best: best.value });
      if (step === steps) {
        disposeAll(gradients);
        return { x: best.x, value: best.value, trace };
      }
      const next = advance(factors, optimizers, x, gradients, learningRate, step + 1);
      disposeAll([...x, ...gradients]);
      x = next;
    }
  } catch (error) {
    disposeAll(best.x);
    throw error;
  } finally {
    disposeAll(x);
    for (const each of optimizers) each.dispose();
  }
}

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

async function evaluate(
  f: (...x: Tensor[]) => Tensor,
  factors: readonly Manifold[],
  x: readonly Tensor[],
  step: number,
): Promise<{ value: number; gradients: Tensor[] }> {
  const { value, gradients } = tidy(() => {
    const { value, grads } = valueAndGrad(f)(...x);
    return { value, gradients: factors.map((factor, i) => factor.project(x[i]!, grads[i]!)) };
  });
  try {
    using scalar = value;
    const number = await item(scalar);
    if (!Number.isFinite(number))
      throw new NonFiniteError(`minimize: the value at step ${step} is ${number}`);
    const norm = await jointNorm(gradients);
    if (!Number.isFinite(norm))
      throw new NonFiniteError(`minimize: the gradient at step ${step} has norm ${norm}`);
    return { value: number, gradients };
  } catch (error) {
    disposeAll(gradients);
    throw error;
  }
}

function advance(
  factors: readonly Manifold[],
  optimizers: readonly ManifoldOptimizer[],
  x: readonly Tensor[],
  gradients: readonly Tensor[],
  learningRate: number,
  count: number,
): Tensor[] {
  return factors.map((factor, i) => {
    const next = optimizers[i]!.step(x[i]!, gradients[i]!, learningRate, count);
    if (count % restoreEvery !== 0) return next;
    using drifted = next;
    return factor.restore(drifted);
  });
}
