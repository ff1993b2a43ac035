import { fromArray, OptionError, Random, take, tidy } from "@denoise-rotator/core";
import type { EvaluationStep } from "@denoise-rotator/manifold";
import { type PackedWeights, type Part, parts, rowsFrom } from "./packed-weights.js";
import type { RotationProblem } from "./problem.js";

/**
 * Early steps see a share of the rows of q, k, gate, up and of the inputs of down (whole groups of them), drawn anew for
 * each step by seed and step, and weighted by the inverse share: an unbiased estimate of an N:M objective and of the
 * entropy; for unstructured patterns the thresholds of down are those of the drawn inputs. v and o are always whole.
 */
export interface RowSample {
  /** Of the rows, in (0, 1]. */
  readonly share: number;
  /** Share of the steps that sample, the first ones; the others see all rows. In [0, 1]. */
  readonly until: number;
  /** Consecutive inputs of down that are drawn together: M of the pattern. */
  readonly group: number;
  /** Consecutive rows of the others that are drawn together: those that share their positions. Default 1. */
  readonly rows?: number;
}

export function checkRowSample({ share, until }: RowSample): void {
  if (!(share > 0 && share <= 1)) throw new OptionError(`rowSample: share ${share} is not in (0, 1]`);
  if (!(until >= 0 && until <= 1)) throw new OptionError(`rowSample: until ${until} is not in [0, 1]`);
}

/** Whether a step samples; the last evaluation never does. */
export const samples = ({ share, until }: RowSample, { step, steps }: EvaluationStep): boolean =>
  share < 1 && step < Math.min(steps, Math.round(until * steps));

/** The problem's weights with a share of their rows; the caller disposes. */
export function sampleRows(
  { packed }: RotationProblem,
  { share, group, rows = 1 }: RowSample,
  { step, seed }: EvaluationStep,
): PackedWeights {
  const random = new Random(seed, step + 1);
  const drawn = Object.fromEntries(
    parts.map((part) => {
      const [from, to] = packed.rows[part];
      const size = part === "down" ? group : part === "queryKey" || part === "gateUp" ? rows : 1;
      const count = (to - from) / size;
      const whole = part === "value" || part === "output";
      const groups = draw(random, count, whole ? count : Math.max(1, Math.round(share * count)));
      return [part, groups.flatMap((g) => Array.from({ length: size }, (_, i) => from + g * size + i))];
    }),
  ) as unknown as Record<Part, number[]>;
  const lengths = Object.fromEntries(parts.map((part) => [part, drawn[part].length])) as Record<Part, number>;
  const { backend } = packed.weights;
  const indices = (list: readonly number[]) => fromArray(list, [list.length], { dtype: "i32", backend });
  const { weights, downScale } = tidy(() => ({
    weights: take(packed.weights, indices(parts.flatMap((part) => drawn[part])), 0),
    downScale:
      packed.downScale && take(packed.downScale, indices(drawn.down.map((i) => i - packed.rows.down[0])), 0),
  }));
  return {
    ...{ weights, downScale, rows: rowsFrom(lengths), factor: 1 / share },
    dispose() {
      weights.dispose();
      downScale?.dispose();
    },
  };
}

/** `count` of 0 … n − 1 without repetition, ascending. */
function draw(random: Random, n: number, count: number): number[] {
  if (count === n) return Array.from({ length: n }, (_, i) => i);
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const j = i + random.integer(n - i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return Array.from(order.subarray(0, count).sort());
}
