import type { Names } from "../engine/dispatch.js";
import { type Access, loadVector, placeOf, putVector, skipTriangle } from "./source.js";
import { tileColumns, tileRows, type Variant } from "./variants.js";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const lines = (count: number, line: (i: number) => string): string => range(count).map(line).join("\n");

/** Bytes of workgroup memory of a variant. */
export const tileBytes = (variant: Variant): number =>
  4 * (variant.depth ?? 0) * (tileRows(variant) + tileColumns(variant));

/**
 * Workgroups copy `depth` elements of k of their rows and columns into workgroup memory, as vectors of four rows or four
 * columns for each k, and every invocation multiplies rows × columns of them.
 */
export function tilesSource(variant: Variant, access: Access, names: Names): string {
  const { rows, columns, across, down, depth = 16 } = variant;
  const [bm, bn] = [tileRows(variant), tileColumns(variant)];
  const [ra, vectors] = [rows / 4, columns / 4];
  const type = access.f16 ? "vec4<f16>" : "vec4<f32>";
  const inner = `
      ${lines(ra, (i) => `let av${i} = tile_a[q * ${bm / 4}u + local.y * ${ra}u + ${i}u];`)}
      ${lines(vectors, (j) => `let b${j} = tile_b[q * ${bn / 4}u + local.x + ${j * across}u];`)}`;
  const products = (line: (r: number, j: number) => string) =>
    lines(rows * vectors, (i) => line(Math.floor(i / vectors), i % vectors));
  const exact = `    for (var q = 0u; q < ${depth}u; q++) {${inner}
${products((r, j) => `      c${r}_${j} = fma(vec4<f32>(av${r >> 2}[${r & 3}]), b${j}, c${r}_${j});`)}
    }`;
  const halves = `    for (var step = 0u; step < ${depth / 4}u; step++) {
${products((r, j) => `      var h${r}_${j} = vec4<f16>();`)}
      for (var q = 4u * step; q < 4u * step + 4u; q++) {${inner}
${products((r, j) => `      h${r}_${j} = fma(vec4<f16>(av${r >> 2}[${r & 3}]), b${j}, h${r}_${j});`)}
      }
${products((r, j) => `      c${r}_${j} += vec4<f32>(h${r}_${j});`)}
    }`;
  return `${loadVector("a", names.a!, access.aType)}${loadVector("b", names.b!, access.bType)}
${placeOf(access.leading)}${putVector(names.out!, access.vectorOut)}
var<workgroup> tile_a: array<${type}, ${(depth * bm) / 4}>;
var<workgroup> tile_b: array<${type}, ${(depth * bn) / 4}>;
${fillTile("a", bm, depth, across * down, access.a, "m", type)}
${fillTile("b", bn, depth, across * down, access.b, "n", type)}
@compute @workgroup_size(${across}, ${down})
fn main(
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
  @builtin(workgroup_id) group: vec3<u32>,
) {
${skipTriangle(bm, bn)}
  let p = place(group.z + params.first);
${products((r, j) => `  var c${r}_${j} = vec4<f32>();`)}
  for (var start = 0u; start < params.k; start += ${depth}u) {
    fill_a(p.a, group.y * ${bm}u, start, index);
    fill_b(p.b, group.x * ${bn}u, start, index);
    workgroupBarrier();
${access.f16 ? halves : exact}
    workgroupBarrier();
  }
  let row = group.y * ${bm}u + local.y * ${rows}u;
  let vector = group.x * ${bn / 4}u + local.x;
${products((r, j) => `  put(p.out, row + ${r}u, (vector + ${j * across}u) * 4u, c${r}_${j});`)}
}
`;
}

/** Invocations copy squares of 4 × 4 elements; past the end of k they are zero, past that of m or n anything. */
function fillTile(
  name: "a" | "b",
  size: number,
  depth: number,
  invocations: number,
  packing: Access["a"],
  limit: "m" | "n",
  type: string,
): string {
  const squares = (size / 4) * (depth / 4);
  const inside = "vec4<u32>(k, k + 1u, k + 2u, k + 3u) < vec4<u32>(params.k)";
  const free = `min(first + 4u * one + EU, params.${limit} - 1u)`;
  const loads =
    packing === "inner"
      ? `${lines(4, (e) => `    let t${e} = select(vec4<f32>(), load_${name}(at + ${free.replace("EU", `${e}u`)} * params.${name}_free + k / 4u), ${inside});`)}
${lines(4, (q) => `    let v${q} = vec4<f32>(${range(4).map((e) => `t${e}[${q}]`)});`)}`
      : lines(
          4,
          (q) =>
            `    let v${q} = select(vec4<f32>(), load_${name}(at + first / 4u + one + (k + ${q}u) * params.${name}_inner), k + ${q}u < params.k);`,
        );
  // Neighbouring invocations read neighbouring vectors.
  const [one, step] =
    packing === "inner"
      ? [`square / ${depth / 4}u`, `square % ${depth / 4}u`]
      : [`square % ${size / 4}u`, `square / ${size / 4}u`];
  return `fn fill_${name}(at: u32, first: u32, start: u32, index: u32) {
  for (var square = index; square < ${squares}u; square += ${invocations}u) {
    let one = ${one};
    let q = ${step};
    let k = start + 4u * q;
${loads}
${lines(4, (q) => `    tile_${name}[(4u * q + ${q}u) * ${size / 4}u + one] = ${type}(v${q});`)}
  }
}
`;
}
