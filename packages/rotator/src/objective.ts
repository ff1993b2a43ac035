import type { SiteRole } from "@denoise-rotator/contracts";
import {
  matmulInto,
  NonFiniteError,
  stack,
  type Tensor,
  tidy,
  toNumbers,
  zeros,
} from "@denoise-rotator/core";
import type { OrthogonalObjective } from "@denoise-rotator/manifold";
import { type RotatedScale, rotatedScale, rotatedScaleGradient } from "./column-metric.js";
import type { RotationProblem } from "./problem.js";

/** A packed, rotated weight on its way through an objective. */
export interface Segment {
  readonly roles: readonly SiteRole[];
  /** Rotated weights Y, two axes of which `inputAxis` counts the linear layer's inputs. */
  readonly Y: Tensor;
  readonly inputAxis: 0 | 1;
  /** Column scale h, `[inputs]`; `undefined`: 1. */
  readonly h: Tensor | undefined;
}

/** An objective's value on one segment and half its gradients. */
export interface SegmentTerm {
  /** Shape `[]`. */
  readonly value: Tensor;
  /** ½·∂f/∂Y, shaped as Y. */
  readonly halfDY: Tensor;
  /** ∂f/∂h `[inputs]`; `undefined` where f does not depend on h. */
  readonly dh: Tensor | undefined;
}

/**
 * An objective of R1 and R2 from its term on one rotated weight. Gradients are closed-form and need no tape: a step is
 * one product W·R and one Wᵀ·∂Y for each packed weight, two H·R, and elementwise work; one small read.
 *
 *   Y = W·R1 (q, k, gate, up) | R2ᵀ·Wv·R1 | R2ᵀ·Woᵀ·R1 (o transposed) | R1ᵀ·Wdown
 *   ∂R1 = Σ Wᵀ·∂Y + Wvᵀ·R2·∂Yv + Wo·R2·∂Yo + Wdown·∂Ydownᵀ + 2·(H·R1)·diag(∂h)
 *   ∂R2 = (Wv·R1)·∂Yvᵀ + Σ_heads [(Woᵀ·R1)·∂Yoᵀ + 2·(Ho·R2)·diag(∂ho)]
 */
export function segmentObjective(
  name: string,
  problem: RotationProblem,
  term: (segment: Segment) => SegmentTerm,
): OrthogonalObjective {
  return {
    name,
    async evaluate([R1, R2]) {
      const { values, gradients } = tidy(() => evaluate(problem, term, R1!, R2!));
      try {
        return { value: await finiteSum(name, problem, values), gradients };
      } catch (error) {
        for (const gradient of gradients) gradient.dispose();
        throw error;
      } finally {
        values.dispose();
      }
    },
  };
}

const parts = [["qProj", "kProj"], ["vProj"], ["gateProj", "upProj"], ["oProj"], ["downProj"]] as const;

async function finiteSum(objective: string, problem: RotationProblem, values: Tensor): Promise<number> {
  const numbers = Array.from(await toNumbers(values));
  const at = numbers.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    const names = parts[at]!.map((role) => problem.siteNames[role]).join(" or ");
    throw new NonFiniteError(`the ${objective} objective is ${numbers[at]} on ${names}`);
  }
  return numbers.reduce((sum, value) => sum + value, 0);
}

type Term = (segment: Segment) => SegmentTerm;

function evaluate(problem: RotationProblem, term: Term, R1: Tensor, R2: Tensor) {
  const { attentionMetric, mlpMetric } = problem;
  const G1 = zeros(R1.shape, { dtype: R1.dtype, backend: R1.backend });
  const attention = attentionMetric && rotatedScale(attentionMetric, R1);
  const mlp = mlpMetric && rotatedScale(mlpMetric, R1);
  const queryKey = projection(["qProj", "kProj"], problem.queryKey, attention, R1, G1, term);
  const value = valueTerm(problem, attention, R1, R2, G1, term);
  const gateUp = projection(["gateProj", "upProj"], problem.gateUp, mlp, R1, G1, term);
  const output = outputTerm(problem, R1, R2, G1, term);
  const down = downTerm(problem, R1, G1, term);
  const throughScales = [
    attention && scaleGradient(attention, [queryKey.dh, value.dh]),
    mlp && scaleGradient(mlp, [gateUp.dh]),
  ];
  const gradient1 = throughScales.reduce<Tensor>((sum, g) => (g ? sum.add(g) : sum), G1);
  const gradient2 = value.halfDR2.add(output.halfDR2).mul(2);
  const values = stack([queryKey.value, value.value, gateUp.value, output.value, down.value]);
  return { values, gradients: [gradient1, gradient2] };
}

function scaleGradient(scale: RotatedScale, parts: readonly (Tensor | undefined)[]): Tensor | undefined {
  const known = parts.filter((dh) => dh !== undefined);
  if (known.length === 0) return undefined;
  return rotatedScaleGradient(scale, known.reduce((a, b) => a.add(b)).mul(2));
}

/** W·R1 for weights that only read the residual stream; adds Wᵀ·∂Y to G1. */
function projection(
  roles: readonly SiteRole[],
  W: Tensor,
  scale: RotatedScale | undefined,
  R1: Tensor,
  G1: Tensor,
  term: Term,
) {
  return tidy(() => {
    const { value, halfDY, dh } = term({ roles, Y: W.matmul(R1), inputAxis: 1, h: scale?.h });
    matmulInto(G1, W.transpose(), halfDY, { accumulate: true, alpha: 2 });
    return { value, dh };
  });
}

/** R2ᵀ·Wv·R1, head by head. */
function valueTerm(
  problem: RotationProblem,
  scale: RotatedScale | undefined,
  R1: Tensor,
  R2: Tensor,
  G1: Tensor,
  term: Term,
) {
  const { value: W, heads, hiddenSize } = problem;
  return tidy(() => {
    const byHead = [heads.keyValueCount, heads.dim, hiddenSize];
    const T = W.matmul(R1).reshape(byHead);
    const Y = R2.transpose().matmul(T).reshape(W.shape);
    const { value, halfDY, dh } = term({ roles: ["vProj"], Y, inputAxis: 1, h: scale?.h });
    const dY = halfDY.reshape(byHead);
    matmulInto(G1, W.transpose(), R2.matmul(dY).reshape(W.shape), { accumulate: true, alpha: 2 });
    return { value, dh, halfDR2: T.matmul(dY.transpose()) };
  });
}

/** (R1ᵀ·Wo·R2)ᵀ: a row for each input of o; query heads share the R2 of their key/value head. */
function outputTerm(problem: RotationProblem, R1: Tensor, R2: Tensor, G1: Tensor, term: Term) {
  const { output: W, outputMetric, heads, hiddenSize } = problem;
  return tidy(() => {
    const { count, keyValueCount, dim } = heads;
    const byHead = [keyValueCount, count / keyValueCount, dim, hiddenSize];
    const shared = R2.unsqueeze(1);
    const scale = outputMetric && rotatedScale(outputMetric, shared);
    const T = W.matmul(R1).reshape(byHead);
    const Y = shared.transpose().matmul(T).reshape(W.shape);
    const h = scale?.h.reshape([count * dim]);
    const { value, halfDY, dh } = term({ roles: ["oProj"], Y, inputAxis: 0, h });
    const dY = halfDY.reshape(byHead);
    matmulInto(G1, W.transpose(), shared.matmul(dY).reshape(W.shape), { accumulate: true, alpha: 2 });
    const direct = T.matmul(dY.transpose());
    const all =
      scale && dh ? direct.add(rotatedScaleGradient(scale, dh.reshape(byHead.slice(0, 3)))) : direct;
    return { value, halfDR2: all.sum({ axis: 1 }) };
  });
}

/** R1ᵀ·Wdown; its column scale is fixed. */
function downTerm({ down: W, downScale }: RotationProblem, R1: Tensor, G1: Tensor, term: Term) {
  return tidy(() => {
    const Y = R1.transpose().matmul(W);
    const { value, halfDY } = term({ roles: ["downProj"], Y, inputAxis: 1, h: downScale });
    matmulInto(G1, W, halfDY.transpose(), { accumulate: true, alpha: 2 });
    return { value };
  });
}
