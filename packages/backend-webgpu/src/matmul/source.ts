import type { DType } from "@denoise-rotator/core";
import type { Binding, Names } from "../engine/dispatch.js";
import type { Params } from "../engine/params.js";
import { type Factor, isVectorTarget, type Packing, type Product } from "./product.js";

/** How the buffers of a product are read and written; with a {@link Variant} all that a kernel's code depends on. */
export interface Access {
  readonly a: Packing;
  readonly b: Packing;
  readonly aType: DType;
  readonly bType: DType;
  /** Whether results are written as vectors. */
  readonly vectorOut: boolean;
  /** Whether k is no multiple of four, so that the last vectors are cut off. */
  readonly tail: boolean;
  readonly leading: Leading;
  /** Whether factors are multiplied in 16 bits. */
  readonly f16: boolean;
}

/** Leading axes: none, one, or more. */
export type Leading = "none" | "one" | "many";
export const leadingOf = ({ batch }: Product): Leading =>
  batch.length === 0 ? "none" : batch.length === 1 ? "one" : "many";

export const accessKey = (access: Access): string => Object.values(access).join(" ");

/** Four elements of a factor as they lie in memory. */
const vectorType = (dtype: DType): string => (dtype === "f32" ? "vec4<f32>" : "vec2<u32>");

export const vectorBinding = ({ buffer, dtype }: Factor): Binding => ({
  buffer,
  access: "read",
  type: `array<${vectorType(dtype)}>`,
});

/** `fn load_NAME(i) -> vec4<f32>`: elements 4·i … 4·i + 3 of the buffer. */
export function loadVector(name: "a" | "b", variable: string, dtype: DType): string {
  const body =
    dtype === "f32"
      ? `return ${variable}[i];`
      : dtype === "f16"
        ? `let w = ${variable}[i]; return vec4<f32>(unpack2x16float(w.x), unpack2x16float(w.y));`
        : `let w = ${variable}[i];
  return bitcast<vec4<f32>>(vec4<u32>(w.x << 16u, w.x & 0xffff0000u, w.y << 16u, w.y & 0xffff0000u));`;
  return `fn load_${name}(i: u32) -> vec4<f32> { ${body} }\n`;
}

/**
 * `struct Place { a, b, out }` and `fn place(z) -> Place`: offsets of matrix z of the stack, in elements or vectors as
 * the parameters are.
 */
export function placeOf(leading: Leading): string {
  const head = "struct Place { a: u32, b: u32, out: u32 }\nfn place(z: u32) -> Place {\n";
  const start = "  var p = Place(params.a_offset, params.b_offset, params.out_offset);\n";
  const each = (line: (name: string) => string) => ["a", "b", "out"].map(line).join("\n");
  if (leading === "none") return `${head}${start}  return p;\n}\n`;
  if (leading === "one") {
    return `${head}${start}${each((name) => `  p.${name} += z * params.${name}_batch;`)}\n  return p;\n}\n`;
  }
  return `${head}${start}  var rest = z;
  for (var axis = params.rank; axis > 0u; axis--) {
    let i = axis - 1u;
    let dim = params.batch[i >> 2u][i & 3u];
    let index = rest % dim;
    rest = rest / dim;
${each((name) => `    p.${name} += index * params.${name}_batch[i >> 2u][i & 3u];`)}
  }
  return p;
}
`;
}

const triangles = { upper: 1, lower: 2 };

/** Parameters of every kernel of products; `unit` is 4 where the buffer is read as vectors. */
export function productParams(product: Product, unit: { a: number; b: number; out: number }): Params {
  const { m, n, k, batch, a, b, out, alpha, accumulate, triangle } = product;
  const lists: Record<string, number | readonly number[]> = {};
  const each = { a, b, out };
  for (const name of ["a", "b", "out"] as const) {
    const steps = each[name].batch.map((stride) => stride / unit[name]);
    if (batch.length > 0) lists[`${name}_batch`] = batch.length === 1 ? steps[0]! : steps;
  }
  if (batch.length > 1) Object.assign(lists, { batch, rank: batch.length });
  return {
    ...lists,
    ...{ m, n, k, first: 0, accumulate: Number(accumulate), triangle: triangle ? triangles[triangle] : 0 },
    alpha: { f32: alpha },
    a_offset: a.offset / unit.a,
    b_offset: b.offset / unit.b,
    out_offset: out.offset / unit.out,
    // Strides of vectors are counted in vectors, that of what lies consecutively is one.
    a_free: a.free === 1 ? 1 : a.free / unit.a,
    b_free: b.free === 1 ? 1 : b.free / unit.b,
    a_inner: a.inner === 1 ? 1 : a.inner / unit.a,
    b_inner: b.inner === 1 ? 1 : b.inner / unit.b,
    out_rows: out.rows / unit.out,
    out_columns: out.columns,
  };
}

/** Leaves out tiles on the far side of the diagonal; `rows` and `columns` a tile's size. */
export const skipTriangle = (rows: number, columns: number): string => `
  if (params.triangle == 1u && (group.x + 1u) * ${columns}u <= group.y * ${rows}u) { return; }
  if (params.triangle == 2u && (group.y + 1u) * ${rows}u <= group.x * ${columns}u) { return; }
`;

/** `fn put(at, row, column, sum)`: four sums of a row from `column` on, scaled or added, those outside left out. */
export function putVector(variable: string, vectorOut: boolean): string {
  if (vectorOut) {
    return `fn put(at: u32, row: u32, column: u32, sum: vec4<f32>) {
  if (row >= params.m || column >= params.n) { return; }
  let i = at + row * params.out_rows + column / 4u;
  var v = params.alpha * sum;
  if (params.accumulate != 0u) { v += ${variable}[i]; }
  ${variable}[i] = v;
}
`;
  }
  return `fn putOne(at: u32, row: u32, column: u32, sum: f32) {
  if (column >= params.n) { return; }
  let i = at + row * params.out_rows + column * params.out_columns;
  var v = params.alpha * sum;
  if (params.accumulate != 0u) { v += ${variable}[i]; }
  ${variable}[i] = v;
}
fn put(at: u32, row: u32, column: u32, sum: vec4<f32>) {
  if (row >= params.m) { return; }
  for (var e = 0u; e < 4u; e++) { putOne(at, row, column + e, sum[e]); }
}
`;
}

export const targetBinding = (product: Product): Binding => ({
  buffer: product.out.buffer,
  access: "read_write",
  type: isVectorTarget(product) ? "array<vec4<f32>>" : "array<f32>",
});

export type Source = (names: Names) => string;
