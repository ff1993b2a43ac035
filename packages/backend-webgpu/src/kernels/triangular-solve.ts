import { type Operand, sizeOf, type TriangularSolveOptions } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { mainById, workgroupSize } from "../wgsl/elements.js";

/** Rows solved together: what lies before them is read once for all. */
const together = 4;

/** An invocation for each column of b. Rows are numbered in the order in which they are solved. */
export function triangularSolve(
  engine: Engine,
  a: Operand,
  b: Operand,
  { lower, transpose, unitDiagonal }: TriangularSolveOptions,
): void {
  if (sizeOf(b.shape) === 0) return;
  const [n, columns] = b.shape as [number, number];
  const forward = lower !== transpose;
  const at = (i: string, j: string) =>
    forward ? [i, j] : [`(params.n - 1u - ${i})`, `(params.n - 1u - ${j})`];
  const rows = Array.from({ length: together }, (_, i) => i);
  const each = (line: (i: number) => string) => rows.map(line).join("\n");
  engine.dispatch({
    op: "triangularSolve",
    key: `triangularSolve ${forward} ${transpose} ${unitDiagonal}`,
    bindings: {
      a: { buffer: a.buffer, access: "read", type: "array<f32>" },
      b: { buffer: b.buffer, access: "read_write", type: "array<f32>" },
    },
    params: {
      ...{ n, columns, a_offset: a.offset, a_row: n > 1 ? a.strides[0]! : 0 },
      ...{ b_offset: b.offset, b_row: n > 1 ? b.strides[0]! : 0 },
    },
    workgroups: foldWorkgroups(Math.ceil(columns / workgroupSize)),
    work: n * n * columns,
    code: (names) => {
      const [row, column] = at("i", "j") as [string, string];
      const [p, q] = transpose ? [column, row] : [row, column];
      const last = "params.n - 1u";
      return `fn aAt(i: u32, j: u32) -> f32 { return ${names.a}[params.a_offset + ${p} * params.a_row + ${q}]; }
fn place(i: u32) -> u32 { return params.b_offset + ${at("i", "i")[0]} * params.b_row; }
${mainById}
  if (id >= params.columns) { return; }
  for (var i = 0u; i < params.n; i += ${together}u) {
${each((r) => `    var x${r} = ${names.b}[place(min(i + ${r}u, ${last})) + id];`)}
    for (var j = 0u; j < i; j++) {
      let x = ${names.b}[place(j) + id];
${each((r) => `      x${r} = fma(-aAt(min(i + ${r}u, ${last}), j), x, x${r});`)}
    }
${each((r) => {
  const steps = rows
    .slice(0, r)
    .map((s) => `      x${r} = fma(-aAt(i + ${r}u, i + ${s}u), x${s}, x${r});\n`)
    .join("");
  const divide = unitDiagonal ? "" : `      x${r} = x${r} / aAt(i + ${r}u, i + ${r}u);\n`;
  return `    if (i + ${r}u < params.n) {\n${steps}${divide}      ${names.b}[place(i + ${r}u) + id] = x${r};\n    }`;
})}
  }
}
`;
    },
  });
}
