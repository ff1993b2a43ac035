import { copyInto, matmulInto, NonFiniteError, stack, Tensor, tidy, toNumbers } from "@denoise-rotator/core";
import type { EvaluationStep, OrthogonalObjective } from "@denoise-rotator/manifold";
import { type RotatedScale, rotatedScale, rotatedScaleGradient } from "./column-metric.js";
import { type PackedWeights, type Part, partRoles, parts } from "./packed-weights.js";
import type { RotationProblem } from "./problem.js";
import { type RowSample, sampleRows, samples } from "./row-sample.js";

/** A packed, rotated weight on its way through an objective. */
export interface Segment {
  readonly part: Part;
  /** Rotated weights Y, private: the term replaces them by ½·∂f/∂Y. */
  readonly Y: Tensor;
  /** Which axis of Y counts the linear layer's inputs. */
  readonly inputAxis: 0 | 1;
  /** Column scale h, `[inputs]`; `undefined`: 1. */
  readonly h: Tensor | undefined;
}

/** An objective's value on one segment, and its gradient by the column scale. */
export interface SegmentTerm {
  /** Shape `[]`. */
  readonly value: Tensor;
  /** ∂f/∂h `[inputs]`; `undefined` where f does not depend on h. */
  readonly dh: Tensor | undefined;
}

/** Evaluates a segment, whose Y becomes ½·∂f/∂Y. */
export type Term = (segment: Segment) => SegmentTerm;

export interface ObjectiveOptions {
  /** Evaluates on a share of the rows early on; default: on all. */
  readonly rowSample?: RowSample | undefined;
}

/**
 * An objective of R1 and R2 from its term on one rotated weight. Gradients are closed-form and need no tape: all weights
 * lie in one matrix W, so that a step is one product W·R1 and one Wᵀ·∂Y, two H·R, and a pass over Y; one small read.
 *
 *   Y = W·R1 (q, k, gate, up, down transposed) | R2ᵀ·Wv·R1 | R2ᵀ·Woᵀ·R1 (o transposed)
 *   ∂R1 = Σ Wᵀ·∂Y + Wvᵀ·R2·∂Yv + Wo·R2·∂Yo + 2·(H·R1)·diag(∂h)
 *   ∂R2 = (Wv·R1)·∂Yvᵀ + Σ_heads [(Woᵀ·R1)·∂Yoᵀ + 2·(Ho·R2)·diag(∂ho)]
 */
export function segmentObjective(
  name: string,
  problem: RotationProblem,
  term: Term,
  { rowSample }: ObjectiveOptions = {},
): OrthogonalObjective {
  const evaluateOn = async (packed: PackedWeights, [R1, R2]: readonly Tensor[]) => {
    const { values, gradients } = tidy(() => evaluate(problem, packed, term, R1!, R2!));
    try {
      return { value: await finiteSum(name, problem, values), gradients };
    } catch (error) {
      for (const gradient of gradients) gradient.dispose();
      throw error;
    } finally {
      values.dispose();
    }
  };
  return {
    name,
    async evaluate(points, at?: EvaluationStep) {
      if (!rowSample || !at || !samples(rowSample, at)) return evaluateOn(problem.packed, points);
      const packed = sampleRows(problem, rowSample, at);
      try {
        return { ...(await evaluateOn(packed, points)), exact: false };
      } finally {
        packed.dispose();
      }
    },
  };
}

async function finiteSum(objective: string, problem: RotationProblem, values: Tensor): Promise<number> {
  const numbers = Array.from(await toNumbers(values));
  const at = numbers.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    const names = partRoles[parts[at]!].map((role) => problem.siteNames[role]).join(" or ");
    throw new NonFiniteError(`the ${objective} objective is ${numbers[at]} on ${names}`);
  }
  return numbers.reduce((sum, value) => sum + value, 0);
}

function evaluate(problem: RotationProblem, packed: PackedWeights, term: Term, R1: Tensor, R2: Tensor) {
  const { attentionMetric, mlpMetric } = problem;
  const { weights, downScale, factor } = packed;
  const T = weights.matmul(R1);
  const rowsOf = (part: Part) => T.slice(packed.rows[part]);
  const attention = attentionMetric && rotatedScale(attentionMetric, R1);
  const mlp = mlpMetric && rotatedScale(mlpMetric, R1);
  const sampled = (part: Part, inputAxis: 0 | 1, h: Tensor | undefined): SegmentTerm => {
    const { value, dh } = term({ part, Y: rowsOf(part), inputAxis, h });
    return factor === 1 ? { value, dh } : { value: value.mul(factor), dh: dh?.mul(factor) };
  };
  const terms = {
    queryKey: sampled("queryKey", 1, attention?.h),
    gateUp: sampled("gateUp", 1, mlp?.h),
    down: sampled("down", 0, downScale),
    value: valueTerm(problem, rowsOf("value"), attention, R2, term),
    output: outputTerm(problem, rowsOf("output"), R2, term),
  };
  const G1 = pulledBack(packed, T);
  const throughScales = [
    attention && scaleGradient(attention, [terms.queryKey.dh, terms.value.dh]),
    mlp && scaleGradient(mlp, [terms.gateUp.dh]),
  ];
  const gradient1 = throughScales.reduce<Tensor>((sum, g) => (g ? sum.add(g) : sum), G1);
  const gradient2 = terms.value.halfDR2.add(terms.output.halfDR2).mul(2);
  return { values: stack(parts.map((part) => terms[part].value)), gradients: [gradient1, gradient2] };
}

/** 2·Wᵀ·½∂Y, sampled rows weighted by their factor. */
function pulledBack({ weights, rows, factor }: PackedWeights, halfDY: Tensor): Tensor {
  const size = weights.shape[1]!;
  const G = Tensor.empty(weights.backend, [size, size], weights.dtype);
  const end = rows.down[1];
  const stretches =
    factor === 1
      ? [{ range: null, alpha: 2 }]
      : [
          { range: [0, end] as const, alpha: 2 * factor },
          { range: [end] as const, alpha: 2 },
        ];
  for (const [i, { range, alpha }] of stretches.entries()) {
    matmulInto(G, weights.slice(range).transpose(), halfDY.slice(range), { accumulate: i > 0, alpha });
  }
  return G;
}

function scaleGradient(scale: RotatedScale, given: readonly (Tensor | undefined)[]): Tensor | undefined {
  const known = given.filter((dh) => dh !== undefined);
  if (known.length === 0) return undefined;
  return rotatedScaleGradient(scale, known.reduce((a, b) => a.add(b)).mul(2));
}

interface HeadTerm extends SegmentTerm {
  /** ½·∂f/∂R2. */
  readonly halfDR2: Tensor;
}

/** On R2ᵀ·T, head by head, T = Wv·R1, which becomes R2·½∂Y. */
function valueTerm(
  { heads, hiddenSize }: RotationProblem,
  rotated: Tensor,
  scale: RotatedScale | undefined,
  R2: Tensor,
  term: Term,
): HeadTerm {
  return tidy(() => {
    const T = rotated.reshape([heads.keyValueCount, heads.dim, hiddenSize]);
    const Y = R2.transpose().matmul(T).reshape(rotated.shape);
    const { value, dh } = term({ part: "value", Y, inputAxis: 1, h: scale?.h });
    const dY = Y.reshape(T.shape);
    const halfDR2 = T.matmul(dY.transpose());
    copyInto(rotated, R2.matmul(dY).reshape(rotated.shape));
    return { value, dh, halfDR2 };
  });
}

/** On R2ᵀ·T, T = Woᵀ·R1: a row for each input of o; query heads share the R2 of their key/value head. */
function outputTerm(
  { outputMetric, heads, hiddenSize }: RotationProblem,
  rotated: Tensor,
  R2: Tensor,
  term: Term,
): HeadTerm {
  return tidy(() => {
    const { count, keyValueCount, dim } = heads;
    const byHead = [keyValueCount, count / keyValueCount, dim];
    const shared = R2.unsqueeze(1);
    const scale = outputMetric && rotatedScale(outputMetric, shared);
    const T = rotated.reshape([...byHead, hiddenSize]);
    const Y = shared.transpose().matmul(T).reshape(rotated.shape);
    const h = scale?.h.reshape([count * dim]);
    const { value, dh } = term({ part: "output", Y, inputAxis: 0, h });
    const dY = Y.reshape(T.shape);
    const direct = T.matmul(dY.transpose());
    const all = scale && dh ? direct.add(rotatedScaleGradient(scale, dh.reshape(byHead))) : direct;
    copyInto(rotated, shared.matmul(dY).reshape(rotated.shape));
    return { value, dh, halfDR2: all.sum({ axis: 1 }) };
  });
}
