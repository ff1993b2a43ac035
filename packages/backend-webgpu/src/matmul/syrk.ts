import type { MatmulOptions, Operand } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { mainById, workgroupSize } from "../wgsl/elements.js";
import { matmul } from "./matmul.js";

/** Sizes from which on half a product and a mirrored copy are quicker than a whole one. */
const halvedSize = 192;

/** Exactly symmetric, since products add up both orders of two columns alike. */
export function syrk(engine: Engine, x: Operand, out: Operand, { alpha, accumulate }: MatmulOptions): void {
  const [n, d] = x.shape as [number, number];
  const turned: Operand = { ...x, shape: [d, n], strides: [x.strides[1]!, x.strides[0]!] };
  if (d < halvedSize || n === 0) {
    matmul(engine, turned, x, out, { alpha, accumulate });
    return;
  }
  if (!accumulate) {
    matmul(engine, turned, x, out, { alpha, accumulate, triangle: "upper" });
    mirror(engine, out, out, false);
    return;
  }
  const buffer = engine.allocate(4 * d * d);
  const half: Operand = { buffer, dtype: "f32", shape: [d, d], strides: [d, 1], offset: 0 };
  matmul(engine, turned, x, half, { alpha, accumulate: false, triangle: "upper" });
  mirror(engine, half, out, true);
  engine.free(buffer);
}

/** `out` (+)= the symmetric matrix of which `half` has the upper triangle; `half` may be `out`. */
function mirror(engine: Engine, half: Operand, out: Operand, accumulate: boolean): void {
  const d = out.shape[0]!;
  engine.dispatch({
    op: "syrk",
    key: `syrk mirror ${accumulate}`,
    bindings: {
      half: { buffer: half.buffer, access: "read", type: "array<f32>" },
      out: { buffer: out.buffer, access: "read_write", type: "array<f32>" },
    },
    params: {
      ...{ d, half_offset: half.offset, half_row: half.strides[0]! },
      ...{ out_offset: out.offset, out_row: out.strides[0]! },
    },
    workgroups: foldWorkgroups(Math.ceil((d * d) / workgroupSize)),
    work: d * d,
    code: (names) => `${mainById}
  if (id >= params.d * params.d) { return; }
  let row = id / params.d;
  let column = id - row * params.d;
  let i = params.out_offset + row * params.out_row + column;
  let j = params.half_offset + min(row, column) * params.half_row + max(row, column);
${
  accumulate
    ? `  ${names.out}[i] += ${names.half}[j];`
    : `  if (row > column) { ${names.out}[i] = ${names.half}[j]; }`
}
}
`,
  });
}
