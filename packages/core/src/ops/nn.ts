import type { Backend, FusedKernels, Operand } from "../backend.js";
import { defineOp } from "../define-op.js";
import type { DType } from "../dtype.js";
import { OptionError, ShapeError } from "../errors.js";
import { countMatmul } from "../flops.js";
import { tidy } from "../scope.js";
import { formatShape, type Shape } from "../shape.js";
import { isTracked } from "../tape.js";
import { Tensor } from "../tensor.js";
import { arange, full } from "./creation.js";
import { where } from "./elementwise.js";
import { concat, slice } from "./views.js";

type FusedName = keyof FusedKernels;

/** Runs a fused kernel into a new f32 tensor, or the composition where the backend has none (or the dtype is f64). */
function fused<K extends FusedName>(
  name: K,
  like: Tensor,
  shape: Shape,
  run: (kernel: NonNullable<Backend["kernels"][K]>, out: Operand) => void,
  composed: () => Tensor,
): Tensor {
  const { kernels } = like.backend;
  const kernel = kernels[name];
  if (!kernel || like.dtype !== "f32") return tidy(composed);
  const out = Tensor.empty(like.backend, shape, "f32");
  run(kernel.bind(kernels) as NonNullable<Backend["kernels"][K]>, out.operand);
  return out;
}

const last = { axis: -1, keepDims: true } as const;

function composedSoftmax(x: Tensor): Tensor {
  const e = x.sub(x.max(last)).exp();
  return e.div(e.sum(last));
}
export const softmaxOp = defineOp({
  name: "softmax",
  forward: ([x]) =>
    fused(
      "softmax",
      x!,
      x!.shape,
      (kernel, out) => kernel(x!.operand, out),
      () => composedSoftmax(x!),
    ),
  vjp: ([g], { outputs: [y] }) => [y!.mul(g!.sub(g!.mul(y!).sum(last)))],
});
/** exp(x) / Σ exp(x) over the last axis. */
export const softmax = (x: Tensor): Tensor => softmaxOp.apply([x], undefined);

/** ln Σ exp(x) over the last axis, which disappears. */
export const logSumExp = (x: Tensor): Tensor =>
  tidy(() => {
    const shift = x.max(last);
    return x.sub(shift).exp().sum(last).log().add(shift).squeeze(-1);
  });
/** x − logSumExp(x) over the last axis. */
export const logSoftmax = (x: Tensor): Tensor => tidy(() => x.sub(logSumExp(x).unsqueeze(-1)));

/** One where `targets` point, `[n, v]`. */
const oneHot = (targets: Tensor, classes: number): Tensor =>
  targets.unsqueeze(-1).equal(arange(classes, { backend: targets.backend }));

function composedCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  const hit = oneHot(targets, logits.shape.at(-1)!);
  const picked = where(hit, logSoftmax(logits), 0).sum({ axis: -1 }).neg();
  return where(hit.any({ axis: -1 }), picked, Number.NaN);
}
export const crossEntropyOp = defineOp({
  name: "crossEntropy",
  forward: ([logits, targets]) => {
    if (logits!.rank !== 2 || targets!.rank !== 1 || logits!.shape[0] !== targets!.shape[0]) {
      throw new ShapeError(
        `crossEntropy: logits ${formatShape(logits!.shape)} and targets ${formatShape(targets!.shape)} are not [n, v] and [n]`,
      );
    }
    return fused(
      "crossEntropy",
      logits!,
      targets!.shape,
      (kernel, out) => kernel(logits!.operand, targets!.operand, out),
      () => composedCrossEntropy(logits!, targets!),
    );
  },
  vjp: ([g], { inputs: [logits, targets] }) => {
    const hit = oneHot(targets!, logits!.shape[1]!).cast(logits!.dtype);
    return [softmax(logits!).sub(hit).mul(g!.unsqueeze(-1)), undefined];
  },
});
/** −log softmax(logits)[target] of every row: logits `[n, v]`, i32 targets `[n]` → `[n]`. */
export const crossEntropy = (logits: Tensor, targets: Tensor): Tensor =>
  crossEntropyOp.apply([logits, targets], undefined);

const inverseRms = (x: Tensor, eps: number) => x.square().mean(last).add(eps).rsqrt();
export const rmsNormOp = defineOp<{ eps: number }>({
  name: "rmsNorm",
  forward: ([x, gain], { eps }) => {
    if (gain!.rank !== 1 || gain!.shape[0] !== x!.shape.at(-1)) {
      throw new ShapeError(`rmsNorm: gain ${formatShape(gain!.shape)} does not fit ${formatShape(x!.shape)}`);
    }
    return fused(
      "rmsNorm",
      x!,
      x!.shape,
      (kernel, out) => kernel(x!.operand, gain!.operand, out, { eps }),
      () => x!.mul(inverseRms(x!, eps)).mul(gain!),
    );
  },
  vjp: ([g], { inputs: [x, gain], attributes: { eps }, wanted }) => {
    const r = inverseRms(x!, eps);
    const unit = x!.mul(r);
    const scaled = g!.mul(gain!);
    const leading = x!.shape.slice(0, -1).map((_, axis) => axis);
    return [
      wanted[0] ? scaled.sub(unit.mul(scaled.mul(unit).mean(last))).mul(r) : undefined,
      wanted[1] ? g!.mul(unit).sum({ axis: leading }) : undefined,
    ];
  },
});
/** x / sqrt(mean(x²) + eps) · gain over the last axis (Zhang & Sennrich 2019). */
export const rmsNorm = (x: Tensor, gain: Tensor, eps: number): Tensor => rmsNormOp.apply([x, gain], { eps });

function composedRope(x: Tensor, cosine: Tensor, sine: Tensor): Tensor {
  const half = x.shape.at(-1)! / 2;
  const all = x.shape.slice(0, -1).map(() => null);
  const [a, b] = [slice(x, ...all, [0, half]), slice(x, ...all, [half])];
  return concat([a.mul(cosine).sub(b.mul(sine)), b.mul(cosine).add(a.mul(sine))], x.rank - 1);
}
export const ropeOp = defineOp({
  name: "rope",
  forward: ([x, cosine, sine]) => {
    const [t, d] = x!.shape.slice(-2);
    const fits = [cosine!, sine!].every(
      ({ shape }) => shape.length === 2 && shape[0] === t && shape[1]! * 2 === d,
    );
    if (!fits) {
      throw new ShapeError(
        `rope: x ${formatShape(x!.shape)} needs tables [t, d/2], got ${formatShape(cosine!.shape)}`,
      );
    }
    return fused(
      "rope",
      x!,
      x!.shape,
      (kernel, out) => kernel(x!.operand, cosine!.operand, sine!.operand, out),
      () => composedRope(x!, cosine!, sine!),
    );
  },
  vjp: ([g], { inputs: [, cosine, sine] }) => [rope(g!, cosine!, sine!.neg()), undefined, undefined],
});
/**
 * Rotary position embedding (Su et al. 2021) in the half-split layout of Llama: x `[…, t, d]`, cos and sin `[t, d/2]`.
 * The tables count as constants.
 */
export const rope = (x: Tensor, cosine: Tensor, sine: Tensor): Tensor =>
  ropeOp.apply([x, cosine, sine], undefined);

export const swigluOp = defineOp({
  name: "swiglu",
  forward: ([gate, up]) =>
    fused(
      "swiglu",
      gate!,
      gate!.shape,
      (kernel, out) => kernel(gate!.operand, up!.operand, out),
      () => gate!.mul(gate!.sigmoid()).mul(up!),
    ),
  vjp: ([g], { inputs: [gate, up], wanted }) => {
    const s = gate!.sigmoid();
    const silu = gate!.mul(s);
    return [
      wanted[0] ? g!.mul(up!).mul(s.add(silu.mul(s.neg().add(1)))) : undefined,
      wanted[1] ? g!.mul(silu) : undefined,
    ];
  },
});
/** silu(gate) · up, equal shapes (Shazeer 2020). */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  if (formatShape(gate.shape) !== formatShape(up.shape)) {
    throw new ShapeError(`swiglu: shapes ${formatShape(gate.shape)} and ${formatShape(up.shape)} differ`);
  }
  return swigluOp.apply([gate, up], undefined);
}
/** x · sigmoid(x). */
export const silu = (x: Tensor): Tensor => tidy(() => x.mul(x.sigmoid()));

function composedEntropy(x: Tensor): Tensor {
  const p = x.div(x.sum(last));
  return where(p.equal(0), 0, p.mul(where(p.equal(0), 1, p).log()))
    .sum({ axis: -1 })
    .neg();
}
export const rowEntropyOp = defineOp({
  name: "rowEntropy",
  forward: ([x]) =>
    fused(
      "rowEntropy",
      x!,
      x!.shape.slice(0, -1),
      (kernel, out) => kernel(x!.operand, out),
      () => composedEntropy(x!),
    ),
  // dE/dx_j = −(ln p_j + E) / Σx; an exact zero sits on the boundary and gets no gradient.
  vjp: ([g], { inputs: [x], outputs: [e] }) => {
    const total = x!.sum(last);
    const p = x!.div(total);
    const slope = where(p.equal(0), 1, p).log().add(e!.unsqueeze(-1)).div(total).neg();
    return [where(p.equal(0), 0, slope).mul(g!.unsqueeze(-1))];
  },
});
/**
 * Entropy −Σ p·ln p in nats of each group along `axis` (default the last), with p = x / Σx for non-negative x
 * (DenoiseRotator, eq. 4). The axis disappears; NaN stays NaN.
 */
export const entropy = (x: Tensor, options: { axis?: number } = {}): Tensor => {
  const axis = options.axis ?? -1;
  return axis === -1 || axis === x.rank - 1
    ? rowEntropyOp.apply([x], undefined)
    : tidy(() =>
        rowEntropyOp
          .apply([x.transpose(axis, -1)], undefined)
          .unsqueeze(-1)
          .transpose(axis, -1)
          .squeeze(axis),
      );
};

export interface AttentionOptions {
  /** Factor on q·kᵀ; default 1/sqrt(d). */
  readonly scale?: number;
  /** Query i sees keys ≤ i + s − t; default true. */
  readonly causal?: boolean;
  /** Of these it sees the last `window` only, its own included (Beltagy et al. 2020); default all. */
  readonly window?: number | undefined;
}

type AttentionSettings = Required<Pick<AttentionOptions, "scale" | "causal">> & { readonly window: number };

function composedAttention(q: Tensor, k: Tensor, v: Tensor, settings: AttentionSettings): Tensor {
  const { scale, causal, window } = settings;
  const [b, h, t, d] = q.shape as [number, number, number, number];
  const [, g, s] = k.shape as [number, number, number, number];
  const grouped = q.reshape([b, g, h / g, t, d]);
  const scores = grouped.matmul(k.unsqueeze(2).transpose()).mul(scale);
  const options = { backend: q.backend, dtype: "i32" as DType };
  const last = arange(t, options)
    .add(s - t)
    .unsqueeze(-1);
  const keys = arange(s, options);
  const floor = full([], Number.NEGATIVE_INFINITY, { backend: q.backend, dtype: q.dtype });
  const seen = causal ? where(keys.greater(last), floor, scores) : scores;
  const near = window < s ? where(keys.greater(last.sub(window)), seen, floor) : seen;
  return softmax(near).matmul(v.unsqueeze(2)).reshape([b, h, t, v.shape[3]!]);
}

/** Queries that go through {@link windowedAttention} together, at least. */
const bandRows = 256;

/** As {@link composedAttention}, some queries at a time with no more keys than they see. */
function windowedAttention(q: Tensor, k: Tensor, v: Tensor, settings: AttentionSettings): Tensor {
  const { window } = settings;
  const [t, s] = [q.shape[2]!, k.shape[2]!];
  if (t > s) return composedAttention(q, k, v, settings);
  const rows = Math.max(window, bandRows);
  const parts: Tensor[] = [];
  for (let begin = 0; begin < t; begin += rows) {
    const end = Math.min(t, begin + rows);
    const keys = [Math.max(0, begin + s - t - window + 1), end + s - t] as const;
    const band = (x: Tensor) => slice(x, null, null, keys);
    parts.push(composedAttention(slice(q, null, null, [begin, end]), band(k), band(v), settings));
  }
  return parts.length === 1 ? parts[0]! : concat(parts, 2);
}

/**
 * Scaled dot-product attention with grouped queries: q `[b, h, t, d]`, k `[b, g, s, d]`, v `[b, g, s, e]`, g divides h →
 * `[b, h, t, e]`. Uses the backend's fused kernel where no gradient is recorded and no window hides keys, else the
 * composition.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const [b, h, t, d] = q.shape as [number, number, number, number];
  const { scale = 1 / Math.sqrt(d), causal = true, window = Number.POSITIVE_INFINITY } = options;
  const [kb, g, s, kd] = k.shape;
  const agrees = q.rank === 4 && k.rank === 4 && v.rank === 4 && kb === b && kd === d && h % g! === 0;
  if (!agrees || v.shape[0] !== b || v.shape[1] !== g || v.shape[2] !== s) {
    const shapes = [q, k, v].map(({ shape }) => formatShape(shape)).join(", ");
    throw new ShapeError(
      `attention: q, k, v ${shapes} are not [b, h, t, d], [b, g, s, d], [b, g, s, e] with g | h`,
    );
  }
  if (options.window !== undefined && !(causal && Number.isInteger(window) && window > 0)) {
    throw new OptionError(`attention: window ${window} is a number of keys ≥ 1, with causal: true only`);
  }
  const settings = { scale, causal, window };
  if (window < s!) return tidy(() => windowedAttention(q, k, v, settings));
  const compose = () => composedAttention(q, k, v, settings);
  if (isTracked([q, k, v]) || v.shape[3] !== d) return tidy(compose);
  if (q.backend.kernels.attention && q.dtype === "f32") {
    countMatmul(b * h * t, s!, d);
    countMatmul(b * h * t, d, s!);
  }
  return fused(
    "attention",
    q,
    q.shape,
    (kernel, out) => kernel(q.operand, k.operand, v.operand, out, { scale, causal }),
    compose,
  );
}

export const gramOp = defineOp({
  name: "gram",
  forward: ([x]) => {
    const [n, d] = x!.shape as [number, number];
    if (x!.rank !== 2) throw new ShapeError(`gram: ${formatShape(x!.shape)} is no matrix`);
    if (x!.backend.kernels.syrk && x!.dtype === "f32") countMatmul(d, d, n / 2);
    return fused(
      "syrk",
      x!,
      [d, d],
      (kernel, out) => kernel(x!.operand, out, { accumulate: false, alpha: 1 }),
      () => x!.transpose().matmul(x!),
    );
  },
  vjp: ([g], { inputs: [x] }) => [x!.matmul(g!.add(g!.transpose()))],
});
/** xᵀ·x: `[n, d]` → `[d, d]`, exactly symmetric. */
export const gram = (x: Tensor): Tensor => gramOp.apply([x], undefined);
