import type { Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { floatBits, floatOfBits } from "../wgsl/bits.js";

/** Invocations along rows and columns. */
const side = 16;

/** One workgroup, column by column: the column is scaled, then taken from everything right of it. */
export function choleskyPanel(
  engine: Engine,
  a: Operand,
  info: Operand,
  { pivotBase }: { readonly pivotBase: number },
): void {
  const n = a.shape[0]!;
  if (n === 0) return;
  engine.dispatch({
    op: "choleskyPanel",
    key: "choleskyPanel",
    bindings: {
      a: { buffer: a.buffer, access: "read_write", type: "array<f32>" },
      info: { buffer: info.buffer, access: "read_write", type: "array<u32>" },
    },
    params: {
      ...{ n, offset: a.offset, row: n > 1 ? a.strides[0]! : 0 },
      ...{ info_offset: info.offset, pivot: pivotBase + 1 },
    },
    workgroups: [1, 1, 1],
    work: n ** 3,
    code: (names) => `${floatBits}${floatOfBits}
fn place(i: u32, j: u32) -> u32 { return params.offset + i * params.row + j; }
@compute @workgroup_size(${side * side})
fn main(@builtin(local_invocation_index) local: u32) {
  let r = local / ${side}u;
  let c = local % ${side}u;
  var failed = false;
  for (var j = 0u; j < params.n; j++) {
    let pivot = bitcast<u32>(${names.a}[place(j, j)]);
    // Of numbers above 0 the bits are those of an integer up to infinity's.
    let positive = pivot != 0u && pivot <= infinity;
    let fails = !failed && !positive;
    let root = sqrt(bitcast<f32>(select(0x3f800000u, pivot, positive)));
    storageBarrier();
    workgroupBarrier();
    if (fails) {
      if (local == 0u && ${names.info}[params.info_offset] == 0u) { ${names.info}[params.info_offset] = params.pivot + j; }
      let nan = floatOf(quietNan);
      for (var i = j + r; i < params.n; i += ${side}u) {
        for (var k = j + c; k <= i; k += ${side}u) { ${names.a}[place(i, k)] = nan; }
      }
    }
    failed = failed || fails;
    if (!failed) {
      for (var i = j + local; i < params.n; i += ${side * side}u) {
        ${names.a}[place(i, j)] = select(${names.a}[place(i, j)] / root, root, i == j);
      }
    }
    storageBarrier();
    workgroupBarrier();
    if (!failed) {
      for (var i = j + 1u + r; i < params.n; i += ${side}u) {
        let left = ${names.a}[place(i, j)];
        for (var k = j + 1u + c; k <= i; k += ${side}u) {
          let at = place(i, k);
          ${names.a}[at] = fma(-left, ${names.a}[place(k, j)], ${names.a}[at]);
        }
      }
    }
    storageBarrier();
    workgroupBarrier();
  }
}
`,
  });
}
