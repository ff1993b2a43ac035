import type { Names } from "../engine/dispatch.js";
import { multiply } from "./multiply.js";
import { type Access, loadVector, placeOf, putVector, skipTriangle } from "./source.js";
import { tileColumns, tileRows, type Variant } from "./variants.js";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const lines = (count: number, line: (i: number) => string): string => range(count).map(line).join("\n");

/**
 * Every invocation computes rows × columns results and loads what it multiplies, four elements of k at a time: first all
 * loads, then all products as expressions without memory in between, which software adapters do not optimise away.
 */
export function blocksSource(variant: Variant, access: Access, names: Names): string {
  const { rows, columns, across, down } = variant;
  const vectors = columns / 4;
  const { loads: loadA, start: startA } = rowsOfA(rows, access);
  const { loads: loadB, start: startB } = columnsOfB(vectors, across, access);
  return `${loadVector("a", names.a!, access.aType)}${loadVector("b", names.b!, access.bType)}
${placeOf(access.leading)}${putVector(names.out!, access.vectorOut)}
@compute @workgroup_size(${across}, ${down})
fn main(@builtin(local_invocation_id) local: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
${skipTriangle(tileRows(variant), tileColumns(variant))}
  let p = place(group.z + params.first);
  let row = group.y * ${tileRows(variant)}u + local.y * ${rows}u;
  let vector = group.x * ${tileColumns(variant) / 4}u + local.x;
  let a_inner = params.a_inner;
  let b_inner = params.b_inner;
${startA}
${startB}
${lines(rows * vectors, (i) => `  var c${Math.floor(i / vectors)}_${i % vectors} = vec4<f32>();`)}
  let steps = (params.k + 3u) / 4u;
  for (var step = 0u; step < steps; step++) {
${access.tail ? "    let left = params.k - 4u * step;\n" : ""}${loadA}
${loadB}
${multiply(rows, vectors, access.f16)}
  }
${lines(rows * vectors, (i) => {
  const [r, j] = [Math.floor(i / vectors), i % vectors];
  return `  put(p.out, row + ${r}u, (vector + ${j * across}u) * 4u, c${r}_${j});`;
})}
}
`;
}

/** Names `a{row}_{q}` of the scalars of four k. */
function rowsOfA(rows: number, { a, tail }: Access) {
  if (a === "inner") {
    return {
      start: lines(rows, (i) => `  let a_row${i} = p.a + min(row + ${i}u, params.m - 1u) * params.a_free;`),
      loads: lines(rows, (i) => {
        const load = `load_a(a_row${i} + step)`;
        const cut = tail ? `select(vec4<f32>(), ${load}, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(left))` : load;
        return `    let a${i} = ${cut};\n${lines(4, (q) => `    let a${i}_${q} = a${i}[${q}];`)}`;
      }),
    };
  }
  return {
    start: lines(rows / 4, (i) => `  let a_row${i} = p.a + row / 4u + ${i}u;`),
    loads: lines(4, (q) =>
      lines(rows / 4, (i) => {
        const load = `load_a(a_row${i} + (4u * step + ${q}u) * a_inner)`;
        const cut = tail ? `select(vec4<f32>(), ${load}, left > ${q}u)` : load;
        return `    let av${i}_${q} = ${cut};\n${lines(4, (e) => `    let a${4 * i + e}_${q} = av${i}_${q}[${e}];`)}`;
      }),
    ),
  };
}

/** Names `b{q}_{vector}` of four columns at one k. */
function columnsOfB(vectors: number, across: number, { b, tail }: Access) {
  if (b === "free") {
    return {
      start: lines(vectors, (j) => `  let b_column${j} = p.b + vector + ${j * across}u;`),
      loads: lines(4, (q) =>
        lines(vectors, (j) => {
          const load = `load_b(b_column${j} + (4u * step + ${q}u) * b_inner)`;
          return `    let b${q}_${j} = ${tail ? `select(vec4<f32>(), ${load}, left > ${q}u)` : load};`;
        }),
      ),
    };
  }
  const column = (j: number, e: number) => `min((vector + ${j * across}u) * 4u + ${e}u, params.n - 1u)`;
  return {
    start: lines(vectors, (j) =>
      lines(4, (e) => `  let b_column${j}_${e} = p.b + ${column(j, e)} * params.b_free;`),
    ),
    loads: lines(vectors, (j) => {
      const loads = lines(4, (e) => {
        const load = `load_b(b_column${j}_${e} + step)`;
        const cut = tail ? `select(vec4<f32>(), ${load}, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(left))` : load;
        return `    let bt${j}_${e} = ${cut};`;
      });
      const turned = lines(
        4,
        (q) => `    let b${q}_${j} = vec4<f32>(${range(4).map((e) => `bt${j}_${e}[${q}]`)});`,
      );
      return `${loads}\n${turned}`;
    }),
  };
}
