import { parsePattern, type ReadonlySite, type SparsityPattern } from "@denoise-rotator/contracts";
import { breathe, item, notEqual, OptionError, type Tensor, tidy, where, zeros } from "@denoise-rotator/core";
import { symmetricEigen } from "@denoise-rotator/linalg";
import { checkSite, finiteStatistics } from "./checks.js";
import { conjugateGradients } from "./conjugate-gradients.js";
import { dampedGram } from "./damped-gram.js";
import { keepLargest } from "./masks.js";
import { defaultPattern, type PruneResult, type Pruner, type PrunerOptions } from "./pruner.js";
import { withSharedWork } from "./shared-work.js";
import { sparsegptImportance } from "./sparsegpt.js";

export interface AdmmOptions extends PrunerOptions {
  /** Share of mean(diag H) added to H's diagonal; default 0.01. */
  readonly damping?: number;
  /** Iterations at most; default 60. It stops when the mask rests, mostly after 20 to 40. */
  readonly iterations?: number;
  /** First penalty ρ for H with unit diagonal; default 0.3. */
  readonly penalty?: number;
}

/** ρ grows by this factor … */
const growth = 1.3;
/** … every so many iterations, when the mask is looked at too. */
const period = 3;
/** Iterations before the mask may rest. */
const leastIterations = 12;
/** Conjugate-gradient iterations on the mask found. */
const refinement = 10;

/**
 * Alternating directions for the mask and the weights at once (ALPS, Meng et al., arXiv 2406.07831): H scaled to unit
 * diagonal, Z = (W·H − V + ρ·D)·(H + ρ)⁻¹, D = what the pattern keeps of Z + V/ρ, V += ρ·(Z − D) with growing ρ until D's
 * mask rests; then conjugate gradients on it. One eigendecomposition of H serves every ρ and all sites that read the
 * same input. An unstructured share is taken of the matrix. Costs several times SparseGPT.
 *
 * @throws OptionError for options out of range.
 */
export function admm(options: AdmmOptions = {}): Pruner {
  const { damping = 0.01, iterations = 60, penalty = 0.3 } = options;
  if (!(Number.isInteger(iterations) && iterations >= 1)) {
    throw new OptionError(`iterations ${iterations}: an integer of 1 or more`);
  }
  if (!(penalty > 0 && Number.isFinite(penalty)))
    throw new OptionError(`penalty ${penalty}: a positive number`);
  const pruner: Pruner = {
    name: "admm",
    importance: { ...sparsegptImportance({ damping }), name: "admm" },
    updatesWeights: true,
    pattern: parsePattern(options.pattern ?? defaultPattern),
    async prune(site, pattern, shared) {
      await checkSite(site, pattern);
      const { gram } = await finiteStatistics(site);
      return withSharedWork(shared, async (work) => {
        const spectrum = await work.once(pruner, gram, () => spectrumOf(gram, damping, site.name));
        return alternate(site, spectrum, pattern, { iterations, penalty });
      });
    },
  };
  return pruner;
}

/** What ADMM needs of H. */
interface Spectrum {
  /** Damped H `[in, in]`. */
  readonly H: Tensor;
  /** Roots of its diagonal `[in]`. */
  readonly scale: Tensor;
  /** bool `[in]`: inputs that never fire. */
  readonly dead: Tensor;
  /** Eigenvalues `[in]` and vectors (columns) `[in, in]` of H scaled to unit diagonal. */
  readonly values: Tensor;
  readonly vectors: Tensor;
  readonly damping: number;
  dispose(): void;
}

async function spectrumOf(gram: Tensor, share: number, name: string): Promise<Spectrum> {
  const { H, damping } = await dampedGram(gram, share);
  const { scale, dead } = tidy(() => ({ scale: H.diagonal().sqrt(), dead: gram.diagonal().equal(0) }));
  const release = () => {
    for (const x of [H, scale, dead]) x.dispose();
  };
  try {
    using unit = tidy(() => H.div(scale).div(scale.unsqueeze(1)));
    const { values, vectors } = await symmetricEigen(unit, { name: `${name}: H with unit diagonal` });
    const dispose = () => {
      release();
      values.dispose();
      vectors.dispose();
    };
    return { H, scale, dead, values, vectors, damping, dispose };
  } catch (error) {
    release();
    throw error;
  }
}

/** All in the scaled coordinates W·diag(scale), `[out, in]`. */
interface State {
  /** D. */
  readonly sparse: Tensor;
  readonly mask: Tensor;
  /** V. */
  readonly dual: Tensor;
}

async function alternate(
  site: ReadonlySite,
  spectrum: Spectrum,
  pattern: SparsityPattern,
  { iterations, penalty }: { iterations: number; penalty: number },
): Promise<PruneResult> {
  const { H, scale, dead, damping } = spectrum;
  using target = tidy(() => where(dead, 0, site.weight));
  // W·H in scaled coordinates: (W·S)·(S⁻¹·H·S⁻¹) = W·H·S⁻¹.
  using pull = tidy(() => target.matmul(H).div(scale));
  let state = tidy(() => begin(target.mul(scale), pattern));
  let known = state.mask.alias();
  try {
    let rho = penalty;
    for (let iteration = 1; iteration <= iterations; iteration++) {
      const next = tidy(() => advance(state, pull, spectrum, rho, pattern));
      release(state);
      state = next;
      if (iteration % period === 0) {
        using changed = tidy(() => notEqual(known, state.mask).cast("f32").sum());
        known.dispose();
        known = state.mask.alias();
        rho *= growth;
        if ((await item(changed)) < 2 && iteration >= leastIterations) break;
      }
      await breathe();
    }
    using start = tidy(() => state.sparse.div(scale));
    const weight = await conjugateGradients({ target, start, mask: state.mask, H, iterations: refinement });
    return { weight, mask: state.mask.alias(), damping };
  } finally {
    known.dispose();
    release(state);
  }
}

function begin(scaled: Tensor, pattern: SparsityPattern): State {
  const mask = keepLargest(scaled.square(), pattern, "matrix");
  const { shape, dtype, backend } = scaled;
  return { sparse: where(mask, scaled, 0), mask, dual: zeros(shape, { dtype, backend }) };
}

function advance(
  { sparse, dual }: State,
  pull: Tensor,
  { values, vectors }: Spectrum,
  rho: number,
  pattern: SparsityPattern,
): State {
  const right = pull.sub(dual).add(sparse.mul(rho)).matmul(vectors);
  const Z = right.div(values.add(rho)).matmul(vectors.transpose());
  const wanted = Z.add(dual.div(rho));
  const mask = keepLargest(wanted.square(), pattern, "matrix");
  const next = where(mask, wanted, 0);
  return { sparse: next, mask, dual: dual.add(Z.sub(next).mul(rho)) };
}

function release({ sparse, mask, dual }: State): void {
  for (const x of [sparse, mask, dual]) x.dispose();
}
