import type { DeviceBuffer, Operand } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { matmul } from "../matmul/matmul.js";
import { mainById, workgroupSize } from "../wgsl/elements.js";

/** Invocations of the kernels between products, and how many of them share a row of the panel. */
const invocations = 256;
const sharing = 8;
const rowsAtOnce = invocations / sharing;

/** Scratch of one panel; `n` rounded up to vectors. */
interface Workspace {
  /** All of a, symmetric, `[padded, padded]`, zero where padded. */
  readonly symmetric: Operand;
  /** The reflector at hand and its product with `symmetric`, `[1, padded]`. */
  readonly vector: Operand;
  readonly product: Operand;
}

/** Three steps for each reflector: its row and itself, a product of it with the whole matrix, what the panel takes from that. */
export function tridiagonalPanel(engine: Engine, a: Operand, v: Operand, w: Operand, factors: Operand): void {
  const [k, n] = v.shape as [number, number];
  if (k === 0) return;
  const padded = Math.ceil(n / 4) * 4;
  const buffers: DeviceBuffer[] = [];
  const scratch = (rows: number): Operand => {
    const buffer = engine.allocate(4 * rows * padded);
    buffers.push(buffer);
    return { buffer, dtype: "f32", shape: [rows, padded], strides: [padded, 1], offset: 0 };
  };
  const workspace: Workspace = { symmetric: scratch(padded), vector: scratch(1), product: scratch(1) };
  symmetrise(engine, a, workspace.symmetric, n);
  const panel: Panel = { a, v, w, factors, workspace };
  for (let j = 0; j < k; j++) {
    reflectRow(engine, panel, j);
    const { vector, symmetric, product } = workspace;
    matmul(engine, vector, symmetric, product, { alpha: 1, accumulate: false });
    finishRow(engine, panel, j);
  }
  for (const buffer of buffers) engine.free(buffer);
}

function symmetrise(engine: Engine, a: Operand, out: Operand, n: number): void {
  const padded = out.shape[0]!;
  engine.dispatch({
    op: "tridiagonalPanel",
    key: "tridiagonalPanel symmetrise",
    bindings: {
      a: { buffer: a.buffer, access: "read", type: "array<f32>" },
      out: { buffer: out.buffer, access: "read_write", type: "array<f32>" },
    },
    params: { n, padded, offset: a.offset, row: a.strides[0]! },
    workgroups: foldWorkgroups(Math.ceil(padded ** 2 / workgroupSize)),
    work: padded ** 2,
    code: (names) => `${mainById}
  let i = id / params.padded;
  let j = id - i * params.padded;
  if (i >= params.padded) { return; }
  var value = 0.0;
  if (max(i, j) < params.n) { value = ${names.a}[params.offset + min(i, j) * params.row + max(i, j)]; }
  ${names.out}[id] = value;
}
`,
  });
}

interface Panel {
  readonly a: Operand;
  readonly v: Operand;
  readonly w: Operand;
  readonly factors: Operand;
  readonly workspace: Workspace;
}

const writable = ({ buffer }: Operand) => ({ buffer, access: "read_write", type: "array<f32>" }) as const;

function panelParams({ v, w, factors }: Panel, j: number) {
  const place = (name: string, x: Operand) => ({
    [`${name}_offset`]: x.offset,
    [`${name}_row`]: x.shape[0]! > 1 ? x.strides[0]! : 0,
  });
  return { ...place("v", v), ...place("w", w), ...place("factors", factors), n: v.shape[1]!, j };
}

const panelPlaces = `
fn vAt(p: u32, i: u32) -> u32 { return params.v_offset + p * params.v_row + i; }
fn wAt(p: u32, i: u32) -> u32 { return params.w_offset + p * params.w_row + i; }
fn factorAt(i: u32) -> u32 { return params.factors_offset + i * params.factors_row + params.j; }
var<workgroup> partial: array<f32, ${invocations}>;
/** The sum of a value of each invocation. */
fn total(value: f32, local: u32) -> f32 {
  partial[local] = value;
  workgroupBarrier();
  if (local < 16u) {
    var sum = partial[local];
    for (var i = 16u; i < ${invocations}u; i += 16u) { sum += partial[local + i]; }
    partial[local] = sum;
  }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < 16u; i++) { sum += partial[i]; }
  workgroupBarrier();
  return sum;
}
`;

/** Row j as the reflectors before left it becomes the reflector (0, …, 0, 1, x/(α − β)), in v and in the workspace. */
function reflectRow(engine: Engine, panel: Panel, j: number): void {
  const { a, v, w, factors, workspace } = panel;
  engine.dispatch({
    op: "tridiagonalPanel",
    key: "tridiagonalPanel reflect",
    bindings: {
      a: { buffer: a.buffer, access: "read", type: "array<f32>" },
      ...{ v: writable(v), w: writable(w), factors: writable(factors), vector: writable(workspace.vector) },
    },
    params: {
      ...panelParams(panel, j),
      ...{ a_offset: a.offset, a_row: a.strides[0]!, padded: workspace.vector.shape[1]! },
    },
    workgroups: [1, 1, 1],
    work: 4 * (j + 1) * v.shape[1]!,
    code: (names) => `${panelPlaces}
@compute @workgroup_size(${invocations})
fn main(@builtin(local_invocation_index) local: u32) {
  var below = 0.0;
  for (var i = params.j + local; i < params.n; i += ${invocations}u) {
    var value = ${names.a}[params.a_offset + params.j * params.a_row + i];
    for (var p = 0u; p < params.j; p++) {
      value = fma(-${names.v}[vAt(p, params.j)], ${names.w}[wAt(p, i)], value);
      value = fma(-${names.w}[wAt(p, params.j)], ${names.v}[vAt(p, i)], value);
    }
    ${names.v}[vAt(params.j, i)] = value;
    if (i > params.j + 1u) { below = fma(value, value, below); }
  }
  storageBarrier();
  below = total(below, local);
  let diagonal = ${names.v}[vAt(params.j, params.j)];
  let alpha = ${names.v}[vAt(params.j, params.j + 1u)];
  var beta = alpha;
  var factor = 0.0;
  var scale = 1.0;
  if (bitcast<u32>(below) != 0u) {
    let norm = sqrt(fma(alpha, alpha, below));
    beta = select(-norm, norm, alpha < 0.0);
    factor = (beta - alpha) / beta;
    scale = 1.0 / (alpha - beta);
  }
  storageBarrier();
  workgroupBarrier();
  for (var i = local; i < params.padded; i += ${invocations}u) {
    var value = 0.0;
    if (i == params.j + 1u) { value = 1.0; }
    if (i > params.j + 1u && i < params.n) { value = ${names.v}[vAt(params.j, i)] * scale; }
    ${names.vector}[i] = value;
    if (i < params.n) { ${names.v}[vAt(params.j, i)] = value; }
  }
  if (local == 0u) {
    ${names.factors}[factorAt(0u)] = diagonal;
    ${names.factors}[factorAt(1u)] = beta;
    ${names.factors}[factorAt(2u)] = factor;
  }
}
`,
  });
}

/** w ← τ·y − ½·τ²·(yᵀv)·v with y = a·v less what the panel's earlier reflectors take from it: Vᵀ·(W·v) + Wᵀ·(V·v). */
function finishRow(engine: Engine, panel: Panel, j: number): void {
  const { v, w, factors, workspace } = panel;
  engine.dispatch({
    op: "tridiagonalPanel",
    key: "tridiagonalPanel finish",
    bindings: {
      ...{ v: writable(v), w: writable(w), factors: writable(factors), product: writable(workspace.product) },
    },
    params: panelParams(panel, j),
    workgroups: [1, 1, 1],
    work: 8 * (j + 1) * v.shape[1]!,
    code: (names) => `${panelPlaces}
var<workgroup> byV: array<f32, ${rowsAtOnce}>;
var<workgroup> byW: array<f32, ${rowsAtOnce}>;
var<workgroup> other: array<f32, ${invocations}>;
@compute @workgroup_size(${invocations})
fn main(@builtin(local_invocation_index) local: u32) {
  let first = params.j + 1u;
  for (var start = 0u; start < params.j; start += ${rowsAtOnce}u) {
    let p = start + local / ${sharing}u;
    var onV = 0.0;
    var onW = 0.0;
    if (p < params.j) {
      for (var i = first + local % ${sharing}u; i < params.n; i += ${sharing}u) {
        let x = ${names.v}[vAt(params.j, i)];
        onV = fma(${names.v}[vAt(p, i)], x, onV);
        onW = fma(${names.w}[wAt(p, i)], x, onW);
      }
    }
    partial[local] = onV;
    other[local] = onW;
    workgroupBarrier();
    if (local < ${rowsAtOnce}u) {
      var sums = vec2<f32>();
      for (var i = 0u; i < ${sharing}u; i++) {
        sums += vec2<f32>(partial[local * ${sharing}u + i], other[local * ${sharing}u + i]);
      }
      byV[local] = sums.x;
      byW[local] = sums.y;
    }
    workgroupBarrier();
    let rows = min(${rowsAtOnce}u, params.j - start);
    for (var i = first + local; i < params.n; i += ${invocations}u) {
      var y = ${names.product}[i];
      for (var q = 0u; q < rows; q++) {
        y = fma(-${names.v}[vAt(start + q, i)], byW[q], y);
        y = fma(-${names.w}[wAt(start + q, i)], byV[q], y);
      }
      ${names.product}[i] = y;
    }
    storageBarrier();
    workgroupBarrier();
  }
  var dot = 0.0;
  for (var i = first + local; i < params.n; i += ${invocations}u) {
    dot = fma(${names.product}[i], ${names.v}[vAt(params.j, i)], dot);
  }
  dot = total(dot, local);
  let factor = ${names.factors}[factorAt(2u)];
  let correction = 0.5 * factor * factor * dot;
  for (var i = local; i < params.n; i += ${invocations}u) {
    var value = 0.0;
    if (i >= first && factor != 0.0) {
      value = fma(factor, ${names.product}[i], -correction * ${names.v}[vAt(params.j, i)]);
    }
    ${names.w}[wAt(params.j, i)] = value;
  }
}
`,
  });
}
