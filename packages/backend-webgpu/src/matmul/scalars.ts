import type { DType } from "@denoise-rotator/core";
import type { Names } from "../engine/dispatch.js";
import { type Leading, placeOf, skipTriangle } from "./source.js";

/** Results of a workgroup of the kernel for any strides: 8 × 8 invocations of 4 × 4. */
export const scalarTile = 32;

export const scalarType = (dtype: DType): string => (dtype === "f32" ? "array<f32>" : "array<u32>");

function loadScalar(name: string, variable: string, dtype: DType): string {
  const half = `(${variable}[i >> 1u] >> ((i & 1u) * 16u)) & 0xffffu`;
  const body =
    dtype === "f32"
      ? `return ${variable}[i];`
      : dtype === "f16"
        ? `return unpack2x16float(${half}).x;`
        : `return bitcast<f32>((${half}) << 16u);`;
  return `fn load_${name}(i: u32) -> f32 { ${body} }\n`;
}

/** Any strides and alignments, element by element: for small products. */
export function scalarsSource(aType: DType, bType: DType, leading: Leading, names: Names): string {
  const four = [0, 1, 2, 3];
  const each = (line: (i: number, j: number) => string) =>
    four.flatMap((i) => four.map((j) => line(i, j))).join("\n");
  return `${loadScalar("a", names.a!, aType)}${loadScalar("b", names.b!, bType)}${placeOf(leading)}
fn put(at: u32, row: u32, column: u32, sum: f32) {
  if (row >= params.m || column >= params.n) { return; }
  let i = at + row * params.out_rows + column * params.out_columns;
  var v = params.alpha * sum;
  if (params.accumulate != 0u) { v += ${names.out}[i]; }
  ${names.out}[i] = v;
}
@compute @workgroup_size(8, 8)
fn main(@builtin(local_invocation_id) local: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
${skipTriangle(scalarTile, scalarTile)}
  let p = place(group.z + params.first);
  let row = group.y * ${scalarTile}u + local.y * 4u;
  let column = group.x * ${scalarTile}u + local.x * 4u;
  if (row >= params.m || column >= params.n) { return; }
  let a_inner = params.a_inner;
  let b_inner = params.b_inner;
${four.map((i) => `  let a_row${i} = p.a + min(row + ${i}u, params.m - 1u) * params.a_free;`).join("\n")}
${four.map((j) => `  let b_column${j} = p.b + min(column + ${j}u, params.n - 1u) * params.b_free;`).join("\n")}
${each((i, j) => `  var c${i}_${j} = 0.0;`)}
  for (var k = 0u; k < params.k; k++) {
${four.map((i) => `    let a${i} = load_a(a_row${i} + k * a_inner);`).join("\n")}
${four.map((j) => `    let b${j} = load_b(b_column${j} + k * b_inner);`).join("\n")}
${each((i, j) => `    c${i}_${j} = fma(a${i}, b${j}, c${i}_${j});`)}
  }
${each((i, j) => `  put(p.out, row + ${i}u, column + ${j}u, c${i}_${j});`)}
}
`;
}
