import {
  type Importance,
  parsePattern,
  type ReadonlySite,
  type SparsityPattern,
  sharedRows,
} from "@denoise-rotator/contracts";
import {
  copyInto,
  fromArray,
  fromTyped,
  matmulInto,
  OptionError,
  type Tensor,
  tidy,
  toNumbers,
  where,
} from "@denoise-rotator/core";
import { checkSite, finiteStatistics } from "./checks.js";
import { type InverseFactor, inverseFactor } from "./inverse-factor.js";
import { keepLargest } from "./masks.js";
import { defaultPattern, type PruneResult, type Pruner, type PrunerOptions } from "./pruner.js";
import { withSharedWork } from "./shared-work.js";
import { sweepBlock } from "./sweep.js";

export interface SparseGptOptions extends PrunerOptions {
  /** Share of mean(diag H) added to H's diagonal; default 0.01. */
  readonly damping?: number;
  /** Columns whose errors reach the rest of the row at once; raised to a multiple of M for N:M. Default 128. */
  readonly blockSize?: number;
}

const defaultDamping = 0.01;

/**
 * SparseGPT (Frantar & Alistarh, arXiv 2301.00774): goes from left to right, removes what has the smallest
 * w²/U_jj² (H⁻¹ = Uᵀ·U) and makes up for it in the weights to the right. An unstructured share is taken of each block of
 * columns, over all rows; rows that share their positions go together, by the sum of what each would lose.
 *
 * @throws OptionError if `damping` is negative or `blockSize` is not a positive integer.
 */
export function sparsegpt(options: SparseGptOptions = {}): Pruner {
  const { damping = defaultDamping, blockSize = 128 } = options;
  if (!(Number.isInteger(blockSize) && blockSize >= 1)) {
    throw new OptionError(`blockSize ${blockSize}: a positive number of columns, as 128`);
  }
  const pruner: Pruner = {
    name: "sparsegpt",
    importance: sparsegptImportance({ damping }),
    updatesWeights: true,
    pattern: parsePattern(options.pattern ?? defaultPattern),
    async prune(site, pattern, shared) {
      await checkSite(site, pattern);
      const { gram } = await finiteStatistics(site);
      return withSharedWork(shared, async (work) => {
        const factor = await work.once(pruner, gram, () => inverseFactor(gram, { damping, name: site.name }));
        return sweepColumns(site, factor, pattern, fittingBlockSize(blockSize, pattern));
      });
    },
  };
  return pruner;
}

const fittingBlockSize = (blockSize: number, pattern: SparsityPattern): number =>
  pattern.kind === "n:m" ? Math.ceil(blockSize / pattern.of) * pattern.of : blockSize;

/** Block by block: choose (unstructured), sweep on the host, then one product takes the errors to the columns after it. */
async function sweepColumns(
  site: ReadonlySite,
  { upper, dead, damping }: InverseFactor,
  pattern: SparsityPattern,
  blockSize: number,
): Promise<PruneResult> {
  const { shape, backend } = site.weight;
  const [rows, columns] = shape as [number, number];
  const kept = new Uint8Array(rows * columns);
  const weight = where(dead, 0, site.weight);
  try {
    for (let start = 0; start < columns; start += blockSize) {
      const end = Math.min(start + blockSize, columns);
      using window = weight.slice(null, [start, end]);
      using corner = upper.slice([start, end], [start, end]);
      const mask = await blockMask(window, corner, pattern);
      const errors = await sweepWindow(window, corner, mask, pattern);
      for (let r = 0; r < rows; r++) {
        kept.set(mask.subarray(r * (end - start), (r + 1) * (end - start)), r * columns + start);
      }
      tidy(() => {
        const E = fromArray(errors, [rows, end - start], { dtype: weight.dtype, backend });
        const rest = weight.slice(null, [end, columns]);
        const right = upper.slice([start, end], [end, columns]);
        matmulInto(rest, E, right, { accumulate: true, alpha: -1 });
      });
    }
    return { weight, mask: fromTyped(kept, shape, "bool", backend), damping };
  } catch (error) {
    weight.dispose();
    throw error;
  }
}

/** Which weights of the block to keep; for N:M an empty mask that the sweep fills. */
async function blockMask(window: Tensor, corner: Tensor, pattern: SparsityPattern): Promise<Uint8Array> {
  if (pattern.kind === "n:m") return new Uint8Array(window.size);
  using mask = tidy(() => keepLargest(window.square().div(corner.diagonal().square()), pattern, "matrix"));
  return (await mask.read()) as Uint8Array;
}

/** Sweeps the block and writes it back; returns the errors. */
async function sweepWindow(
  window: Tensor,
  corner: Tensor,
  mask: Uint8Array,
  pattern: SparsityPattern,
): Promise<Float64Array> {
  const [values, factor] = await Promise.all([window.read(), toNumbers(corner)]);
  const weights = values as Float32Array | Float64Array;
  const block = { weights, upper: factor, width: window.shape[1]!, mask };
  const groups = pattern.kind === "n:m" && {
    ...{ remove: pattern.of - pattern.keep, of: pattern.of, rows: sharedRows(pattern) },
  };
  const errors = sweepBlock(groups ? { ...block, groups } : block);
  using swept = fromTyped(weights, window.shape, window.dtype, window.backend);
  copyInto(window, swept);
  return errors;
}

/**
 * S_ij = W_ij²/[H⁻¹]_jj with H damped as SparseGPT does. Its gradient is `columnScale`'s closed form: `of` awaits the
 * factorisation, which tapes do not see.
 */
export function sparsegptImportance(options: { damping?: number } = {}): Importance {
  const { damping = defaultDamping } = options;
  if (!(damping >= 0 && Number.isFinite(damping))) {
    throw new OptionError(`damping ${damping}: a share of mean(diag H), 0 or more, as 0.01`);
  }
  return {
    name: "sparsegpt",
    columnScale: "inverseDiagonal",
    damping,
    async of(site) {
      const { gram } = await finiteStatistics(site);
      const factor = await inverseFactor(gram, { damping, name: site.name });
      try {
        return tidy(() => site.weight.square().div(factor.upper.square().sum({ axis: 0 })));
      } finally {
        factor.dispose();
      }
    },
  };
}
