import { parsePattern } from "@denoise-rotator/contracts";
import { type Backend, matmulFlops, type Tensor } from "@denoise-rotator/core";
import type { SolverResult } from "@denoise-rotator/manifold";
import { sparsegptImportance } from "@denoise-rotator/pruners";
import {
  denoise,
  directObjective,
  entropyObjective,
  type RotationPresetName,
  resolveSettings,
  rotationProblem,
  startingPoint,
} from "@denoise-rotator/rotator";
import type { Dense, Prepared } from "../contender.js";
import type { Prepare } from "../contenders/table.js";
import { download, readOne } from "../tensors.js";
import { arrayBlock, disposeArrayBlock } from "./array-block.js";

const pattern = parsePattern("2:4");
const paperSteps = 2000;

/** What a run gives, for `learningCheck`. */
export interface Learned {
  readonly R1: Tensor;
  readonly R2: Tensor;
  readonly steps: number;
  readonly objective: number;
  dispose(): void;
}

/**
 * Learning a block's rotations by one of our presets. `paper` takes as many steps as asked for, the others their own.
 */
export const learningPrepare =
  (backend: Backend, preset: RotationPresetName): Prepare =>
  (inputs, sizes) => {
    const block = arrayBlock(inputs, sizes, backend);
    const learn = async (steps?: number): Promise<Learned> => {
      const rotation = await denoise(block, {
        importance: sparsegptImportance(),
        ...{ preset, pattern },
        ...(steps === undefined ? {} : { steps }),
      });
      const { R1, R2, objective } = rotation;
      const { best, steps: taken } = objective!;
      return { R1, R2, steps: taken, objective: best, dispose: () => rotation.dispose() };
    };
    const paper = preset === "paper";
    return runs(() => learn(paper ? sizes[5]! : undefined), {
      ...(paper ? { paperFlops: () => flopsOfPaper(learn) } : {}),
      dispose: () => disposeArrayBlock(block),
    });
  };

/** A number of steps of a preset's solver and objective, from the identity and a problem that is there. */
export const stepsPrepare =
  (backend: Backend, preset: RotationPresetName): Prepare =>
  async (inputs, sizes) => {
    const { take, dispose } = await stepper(inputs, sizes, { backend, preset });
    return runs(() => take(sizes[5]!), { dispose });
  };

export interface StepperOptions {
  readonly backend: Backend;
  readonly preset: RotationPresetName;
  /** Of weights, statistics and rotations. Default f32. */
  readonly dtype?: "f32" | "f64";
  /** Default: the preset's. */
  readonly learningRate?: number;
}

/** Takes steps of a preset's solver, always from the identity. */
export async function stepper(inputs: readonly Dense[], sizes: readonly number[], options: StepperOptions) {
  const { backend, preset, dtype = "f32" } = options;
  const block = arrayBlock(inputs, sizes, backend, dtype);
  const settings = resolveSettings({ preset });
  const problem = await rotationProblem(block, sparsegptImportance());
  const objective =
    settings.objective === "direct" ? directObjective(problem, pattern) : entropyObjective(problem);
  const start = await startingPoint("identity", block, problem, 4);
  const learningRate = options.learningRate ?? settings.learningRate;
  const rate = learningRate === undefined ? {} : { learningRate };
  return {
    take: async (steps: number) =>
      learnedOf(await settings.solver.minimize(objective, start, { steps, ...rate })),
    dispose() {
      for (const point of start) point.dispose();
      problem.dispose();
      disposeArrayBlock(block);
    },
  };
}

function learnedOf({ points, steps, best }: SolverResult): Learned {
  const [R1, R2] = points as [Tensor, Tensor];
  const dispose = () => {
    for (const point of points) point.dispose();
  };
  return { R1, R2, steps, objective: best, dispose };
}

interface RunsOptions {
  readonly paperFlops?: () => Promise<number>;
  readonly dispose: () => void;
}

function runs(run: () => Promise<Learned>, { paperFlops = async () => 0, dispose }: RunsOptions): Prepared {
  let last: Learned | undefined;
  let flops = 0;
  return {
    async run() {
      last?.dispose();
      const before = matmulFlops();
      last = await run();
      flops = matmulFlops() - before;
    },
    finish: async () => last && readOne(last.R1),
    async results() {
      const { R1, R2, steps, objective } = last!;
      const numbers = [steps, objective, flops / 1e9, (await paperFlops()) / 1e9];
      const rotations = await Promise.all([R1, R2].map(download));
      return [...rotations, { shape: [numbers.length], data: Float32Array.from(numbers) }];
    },
    dispose() {
      last?.dispose();
      dispose();
    },
  };
}

/** Matrix-product FLOPs of the paper's 2000 steps, exactly: every step after the first costs as much as the second. */
async function flopsOfPaper(learn: (steps: number) => Promise<Learned>): Promise<number> {
  const flops = async (steps: number) => {
    const before = matmulFlops();
    (await learn(steps)).dispose();
    return matmulFlops() - before;
  };
  const [one, two] = [await flops(1), await flops(2)];
  return one + (paperSteps - 1) * (two - one);
}
