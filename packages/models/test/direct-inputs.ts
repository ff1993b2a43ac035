import { type Tensor, toNumbers } from "@denoise-rotator/core";
import type { LoadedBlock, Model } from "../src/index.js";

export type Matrix = number[][];
const multiplyTransposed = (a: Matrix, b: Matrix) =>
  a.map((row) => b.map((other) => row.reduce((sum, value, i) => sum + value * other[i]!, 0)));
const addRows = (a: Matrix, b: Matrix) => a.map((row, i) => row.map((value, j) => value + b[i]![j]!));
const norm = (x: Matrix, gain: number[], eps: number) =>
  x.map((row) => {
    const scale = 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / row.length + eps);
    return row.map((value, j) => value * scale * gain[j]!);
  });
export const gramOf = (x: Matrix): number[] => {
  const d = x[0]!.length;
  const sums = new Array<number>(d * d).fill(0);
  for (const row of x)
    for (let i = 0; i < d; i++)
      for (let j = 0; j < d; j++) sums[i * d + j] = sums[i * d + j]! + row[i]! * row[j]!;
  return sums;
};
const rows = async (x: Tensor) => (await x.toNested()) as Matrix;

/** What the groups read and, of those that write into the residual stream, what their output is added to. */
export interface DirectInputs {
  readonly groups: Matrix[];
  readonly residuals: { readonly 1: Matrix; readonly 3: Matrix };
}

/** Inputs of the four groups for every window of `inputs`, written out in f64 with attention as loops. */
export async function directInputs(
  block: LoadedBlock,
  model: Model,
  inputs = block.inputs,
): Promise<DirectInputs> {
  const { heads } = block;
  const { rmsNormEps: eps, ropeTheta } = model.config;
  const weights = new Map<string, { W: Matrix; b: number[] }>();
  for (const { role, weight, bias } of block.sites) {
    weights.set(role, { W: await rows(weight), b: bias ? [...Array.from(await toNumbers(bias))] : [] });
  }
  const linear = (x: Matrix, role: string) => {
    const { W, b } = weights.get(role)!;
    return multiplyTransposed(x, W).map((row) => row.map((value, j) => value + (b[j] ?? 0)));
  };
  const turn = (x: number[], position: number) => {
    const half = x.length / 2;
    return x.map((value, i) => {
      const angle = position * ropeTheta ** ((-2 * (i % half)) / x.length);
      const other = i < half ? -x[i + half]! : x[i - half]!;
      return value * Math.cos(angle) + other * Math.sin(angle);
    });
  };
  const attentionGain = [...Array.from(await toNumbers(block.attentionNorm))];
  const feedForwardGain = [...Array.from(await toNumbers(block.feedForwardNorm))];
  using turned = block.residualBasis?.transpose();
  const basis = turned && (await rows(turned));
  const groups: Matrix[] = [[], [], [], []];
  const residuals: { 1: Matrix; 3: Matrix } = { 1: [], 3: [] };
  for (let w = 0; w < inputs!.count; w++) {
    const flat = [...inputs!.window(w)];
    const window = Array.from({ length: inputs!.length }, (_, t) =>
      flat.slice(t * inputs!.width, (t + 1) * inputs!.width),
    );
    const x = basis ? multiplyTransposed(window, basis) : window;
    const first = norm(x, attentionGain, eps);
    const [q, k, v] = [linear(first, "qProj"), linear(first, "kProj"), linear(first, "vProj")];
    const mixed = x.map((_, t) => {
      const out: number[] = [];
      for (let head = 0; head < heads.count; head++) {
        const shared = Math.floor((head * heads.keyValueCount) / heads.count);
        const part = (row: number[], h: number) => row.slice(h * heads.dim, (h + 1) * heads.dim);
        const query = turn(part(q[t]!, head), t);
        const scores = k.slice(0, t + 1).map((row, s) => {
          const key = turn(part(row, shared), s);
          return Math.exp(query.reduce((sum, value, i) => sum + value * key[i]!, 0) / Math.sqrt(heads.dim));
        });
        const total = scores.reduce((a, b) => a + b, 0);
        for (let i = 0; i < heads.dim; i++) {
          out.push(scores.reduce((sum, score, s) => sum + (score / total) * part(v[s]!, shared)[i]!, 0));
        }
      }
      return out;
    });
    const residual = addRows(x, linear(mixed, "oProj"));
    const second = norm(residual, feedForwardGain, eps);
    const [gate, up] = [linear(second, "gateProj"), linear(second, "upProj")];
    const gated = gate.map((row, t) => row.map((g, j) => (g / (1 + Math.exp(-g))) * up[t]![j]!));
    [first, mixed, second, gated].forEach((read, group) => {
      groups[group]!.push(...read);
    });
    residuals[1].push(...x);
    residuals[3].push(...residual);
  }
  return { groups, residuals };
}
