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
import type { Dense, Prepared } from "../harness/contender.js";
import { arrayBlock } from "./array-block.js";
import type { Prepare } from "./table.js";

const pattern = parsePattern("2:4");
const paperSteps = 2000;

/** What a run gives, for `learningCheck`. */
interface Learned {
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
    return runs(() => learn(paper ? sizes[5]! : undefined), paper ? () => flopsOfPaper(learn) : undefined);
  };

/** A number of steps of a preset's solver and objective, from the identity and a problem that is there. */
export const stepsPrepare =
  (backend: Backend, preset: RotationPresetName): Prepare =>
  async (inputs, sizes) => {
    const block = arrayBlock(inputs, sizes, backend);
    const { objective: kind, solver, learningRate } = resolveSettings({ preset });
    const problem = await rotationProblem(block, sparsegptImportance());
    const objective = kind === "direct" ? directObjective(problem, pattern) : entropyObjective(problem);
    const start = await startingPoint("identity", block, problem, 4);
    const rate = learningRate === undefined ? {} : { learningRate };
    return runs(async () => {
      const result = await solver.minimize(objective, start, { steps: sizes[5]!, ...rate });
      return learnedOf(result);
    });
  };

function learnedOf({ points, steps, best }: SolverResult): Learned {
  const [R1, R2] = points as [Tensor, Tensor];
  const dispose = () => {
    for (const point of points) point.dispose();
  };
  return { R1, R2, steps, objective: best, dispose };
}

function runs(run: () => Promise<Learned>, paperFlops: () => Promise<number> = async () => 0): Prepared {
  let last: Learned | undefined;
  let flops = 0;
  return {
    async run() {
      last?.dispose();
      const before = matmulFlops();
      last = await run();
      flops = matmulFlops() - before;
    },
    async results() {
      const { R1, R2, steps, objective } = last!;
      const numbers = [steps, objective, flops / 1e9, (await paperFlops()) / 1e9];
      const rotations = await Promise.all([R1, R2].map(toDense));
      return [...rotations, { shape: [numbers.length], data: Float32Array.from(numbers) }];
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

const toDense = async (x: Tensor): Promise<Dense> => ({
  shape: [...x.shape],
  data: Float32Array.from((await x.read()) as Float32Array),
});
