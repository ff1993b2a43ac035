import type { Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";

/** Invocations along columns and rows. */
const [across, down] = [32, 8];
const invocations = across * down;

/**
 * One workgroup, column by column. One pass over the rows below the diagonal gives the products of column x with itself
 * and with every column right of it; another applies the reflector. Panels whose squares would leave the range of f32 are
 * worked on divided by a power of two.
 */
export function qrPanel(engine: Engine, a: Operand, tau: Operand): void {
  const [m, n] = a.shape as [number, number];
  if (n === 0) return;
  engine.dispatch({
    op: "qrPanel",
    key: "qrPanel",
    bindings: {
      a: { buffer: a.buffer, access: "read_write", type: "array<f32>" },
      tau: { buffer: tau.buffer, access: "read_write", type: "array<f32>" },
    },
    params: { m, n, offset: a.offset, row: m > 1 ? a.strides[0]! : 0, tau_offset: tau.offset },
    workgroups: [1, 1, 1],
    work: 4 * m * n * n,
    code: ({ a: matrix, tau: factors }) => `
var<workgroup> partial: array<f32, ${invocations}>;
var<workgroup> sums: array<f32, ${across}>;
fn place(i: u32, j: u32) -> u32 { return params.offset + i * params.row + j; }
/** 1, or the power of two at the size of the largest element where that is far from 1. */
fn workingUnit(local: u32, across: u32, down: u32) -> f32 {
  var most = 0u;
  for (var i = down; i < params.m; i += ${down}u) {
    for (var c = across; c < params.n; c += ${across}u) { most = max(most, bitcast<u32>(${matrix}[place(i, c)]) & 0x7fffffffu); }
  }
  partial[local] = bitcast<f32>(most);
  workgroupBarrier();
  most = 0u;
  for (var i = 0u; i < ${invocations}u; i++) { most = max(most, bitcast<u32>(partial[i])); }
  workgroupBarrier();
  // From 2^-40 to 2^40, zero, infinite and NaN: as it is.
  let exponent = most >> 23u;
  if ((exponent >= 87u && exponent <= 167u) || most == 0u || exponent == 255u) { return 1.0; }
  return bitcast<f32>(clamp(exponent, 1u, 253u) << 23u);
}
fn rescale(factor: f32, across: u32, down: u32, upper: bool) {
  if (factor == 1.0) { return; }
  for (var i = down; i < params.m; i += ${down}u) {
    for (var c = across; c < params.n; c += ${across}u) {
      if (!upper || c >= i) { ${matrix}[place(i, c)] = ${matrix}[place(i, c)] * factor; }
    }
  }
}
@compute @workgroup_size(${invocations})
fn main(@builtin(local_invocation_index) local: u32) {
  let column = local % ${across}u;
  let first = local / ${across}u;
  let unit = workingUnit(local, column, first);
  rescale(1.0 / unit, column, first, false);
  storageBarrier();
  workgroupBarrier();
  for (var j = 0u; j < params.n; j++) {
    let head = ${matrix}[place(j, j)];
    var beta = head;
    var factor = 0.0;
    var scale = 1.0;
    for (var block = j; block < params.n; block += ${across}u) {
      let c = block + column;
      var sum = 0.0;
      if (c < params.n) {
        for (var i = j + 1u + first; i < params.m; i += ${down}u) {
          sum = fma(${matrix}[place(i, j)], ${matrix}[place(i, c)], sum);
        }
      }
      partial[local] = sum;
      workgroupBarrier();
      if (first == 0u) {
        var all = partial[column];
        for (var i = 1u; i < ${down}u; i++) { all += partial[column + i * ${across}u]; }
        sums[column] = all;
      }
      workgroupBarrier();
      if (block == j && bitcast<u32>(sums[0]) != 0u) {
        let norm = sqrt(fma(head, head, sums[0]));
        beta = select(-norm, norm, head < 0.0);
        factor = (beta - head) / beta;
        scale = 1.0 / (head - beta);
      }
      let works = factor != 0.0 && c < params.n && c > j;
      var weight = 0.0;
      if (works) {
        weight = factor * fma(scale, sums[column], ${matrix}[place(j, c)]);
        let below = weight * scale;
        for (var i = j + 1u + first; i < params.m; i += ${down}u) {
          let at = place(i, c);
          ${matrix}[at] = fma(-below, ${matrix}[place(i, j)], ${matrix}[at]);
        }
      }
      storageBarrier();
      workgroupBarrier();
      if (works && first == 0u) { ${matrix}[place(j, c)] -= weight; }
    }
    if (factor != 0.0) {
      for (var i = j + 1u + local; i < params.m; i += ${invocations}u) { ${matrix}[place(i, j)] *= scale; }
    }
    if (local == 0u) {
      ${matrix}[place(j, j)] = beta;
      ${factors}[params.tau_offset + j] = factor;
    }
    storageBarrier();
    workgroupBarrier();
  }
  rescale(unit, column, first, true);
}
`,
  });
}
