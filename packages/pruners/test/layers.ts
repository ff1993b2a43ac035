import { Site, type SparsityPattern } from "@denoise-rotator/contracts";
import {
  createCpuBackend,
  type FloatDType,
  fromArray,
  gram,
  Random,
  type Tensor,
  tidy,
  toNumbers,
} from "@denoise-rotator/core";
import fc from "fast-check";
import { admm, magnitude, type Pruner, sparsegpt, wanda } from "../src/index.js";

export const backend = createCpuBackend();

export interface LayerOptions {
  readonly seed?: number;
  readonly dtype?: FloatDType;
  readonly tokens?: number;
  /** Inputs that never fire. */
  readonly dead?: readonly number[];
}

/** A layer `[rows, columns]` with correlated inputs of unequal scale and its statistics. */
export function randomSite(rows: number, columns: number, options: LayerOptions = {}): Site {
  const { seed = 1, dtype = "f32", tokens = 2 * columns + 4, dead = [] } = options;
  const random = new Random(seed);
  const normal = (shape: number[]) => random.normal(shape, { dtype, backend });
  const alive = Float64Array.from({ length: columns }, (_, j) => (dead.includes(j) ? 0 : 1));
  const [weight, H] = tidy(() => {
    const factors = normal([tokens, Math.ceil(columns / 3)]).matmul(
      normal([Math.ceil(columns / 3), columns]),
    );
    const scales = normal([columns])
      .mul(0.7)
      .exp()
      .mul(hostTensor(alive, [columns], dtype));
    return [normal([rows, columns]), gram(factors.add(normal([tokens, columns])).mul(scales))];
  });
  const site = new Site({ name: "block.0.up", role: "upProj", weight: weight! });
  site.setStatistics({ gram: H!, tokens });
  return site;
}

export const hostTensor = (values: ArrayLike<number>, shape: number[], dtype: FloatDType): Tensor =>
  fromArray(values, shape, { dtype, backend });

/** A site of the given weight and H, for cases written out by hand. */
export function siteWith(weight: number[][], H?: number[][], dtype: FloatDType = "f32"): Site {
  const columns = weight[0]!.length;
  const site = new Site({
    name: "block.0.up",
    role: "upProj",
    weight: hostTensor(weight.flat(), [weight.length, columns], dtype),
  });
  if (H) site.setStatistics({ gram: hostTensor(H.flat(), [columns, columns], dtype), tokens: 1 });
  return site;
}

/** The elements as an array of numbers, whatever the dtype. */
export const numbers = async (x: Tensor): Promise<number[]> => Array.from(await toNumbers(x));

/** `using` for what has `dispose()` only. */
export const disposable = <T extends { dispose(): void }>(thing: T): T & Disposable =>
  Object.assign(thing, { [Symbol.dispose]: () => thing.dispose() });

export const pruners: readonly Pruner[] = [magnitude(), wanda(), sparsegpt({ blockSize: 8 }), admm()];

/** Pattern and a shape that it fits; wide, tall, single rows and columns. */
export const patternAndShape: fc.Arbitrary<{ pattern: SparsityPattern; rows: number; columns: number }> =
  fc.oneof(
    fc.record({
      pattern: fc
        .constantFrom(0, 0.3, 0.5, 0.99)
        .map((sparsity) => ({ kind: "unstructured", sparsity }) as const),
      rows: fc.integer({ min: 1, max: 9 }),
      columns: fc.integer({ min: 1, max: 21 }),
    }),
    fc
      .record({
        pair: fc.constantFrom<[number, number]>([1, 2], [2, 4], [4, 8], [3, 7]),
        shared: fc.constantFrom(1, 1, 2, 3),
        blocks: fc.integer({ min: 1, max: 4 }),
        groups: fc.integer({ min: 1, max: 3 }),
      })
      .map(({ pair: [keep, of], shared, blocks, groups }) => ({
        pattern: { kind: "n:m", keep, of, rows: shared } as const,
        rows: shared * blocks,
        columns: of * groups,
      })),
  );
