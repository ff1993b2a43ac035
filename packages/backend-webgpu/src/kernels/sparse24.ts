import type { Operand, Sparse24Form, Sparse24Parts, Sparse24Words } from "@denoise-rotator/core";
import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { matmul } from "../matmul/matmul.js";

/*
 * W `[out, in]` lies by columns, so that neighbouring invocations, which are neighbouring rows, read neighbouring words. First
 * codes `[in / 32][out / rows that share them]`, 16 positions of 2 bits each; then kept values `[kept][out]` in f32, or in
 * bf16 `[kept / 2][out]`, the first of two in the low half. Both are padded to 32 inputs.
 */
const stepInputs = 32;
const keptOfStep = 16;

const wordsOfValues = (dtype: Sparse24Form["dtype"]): number =>
  dtype === "f32" ? keptOfStep : keptOfStep / 2;

export function arrangeSparse24({
  shape,
  values,
  positions,
  rowsPerPattern = 1,
}: Sparse24Parts): Sparse24Words {
  const [out, inputs] = shape;
  const steps = Math.ceil(inputs / stepInputs);
  const isF32 = values instanceof Float32Array;
  const codeRows = out / rowsPerPattern;
  const codes = codeRows * steps;
  const words = new Int32Array(codes + out * steps * wordsOfValues(isF32 ? "f32" : "bf16"));
  const bits = isF32 ? new Int32Array(values.buffer, values.byteOffset, values.length) : values;
  for (let row = 0; row < codeRows; row++) {
    for (let byte = 0; byte < inputs / 8; byte++) {
      words[(byte >> 2) * codeRows + row]! |= positions[(row * inputs) / 8 + byte]! << (8 * (byte & 3));
    }
  }
  for (let row = 0; row < out; row++) {
    for (let kept = 0; kept < inputs / 2; kept++) {
      const value = bits[(row * inputs) / 2 + kept]!;
      const at = codes + (isF32 ? kept : kept >> 1) * out + row;
      words[at]! |= isF32 ? value : value << (16 * (kept & 1));
    }
  }
  return { words, arrangement: "columns", rowsPerCode: rowsPerPattern };
}

/** What kernels are told of the codes. */
const codeParams = ({ shape: [rows, inputs], rowsPerCode = 1 }: Sparse24Form) => {
  const codeRows = rows / rowsPerCode;
  return {
    code_rows: codeRows,
    rows_per_code: rowsPerCode,
    codes: codeRows * Math.ceil(inputs / stepInputs),
  };
};

/** WGSL: the positions of a row in a step. */
const codeAt = (words: string): string => `fn code_at(step: u32, row: u32) -> u32 {
  return ${words}[params.words_offset + step * params.code_rows + row / params.rows_per_code];
}
`;

/** WGSL: the kept weight `kept` of a row, from words called `words`. */
const weightAt = (words: string, { dtype }: Sparse24Form): string => `fn weight(kept: u32, row: u32) -> f32 {
  ${
    dtype === "f32"
      ? `return bitcast<f32>(${words}[params.words_offset + params.codes + kept * params.rows + row]);`
      : `let pair = ${words}[params.words_offset + params.codes + (kept >> 1u) * params.rows + row];
  return bitcast<f32>(select(pair & 0xffff0000u, pair << 16u, (kept & 1u) == 0u));`
  }
}
`;

/** Rows and slices of the inputs in a workgroup. */
const groupRows = 16;
const slices = 8;
/** Tokens of an invocation. */
const groupTokens = 4;
/** Tokens from which on unpacking the weight and a dense product are faster: that reads x from workgroup memory. */
const manyTokens = 33;

/** x·Wᵀ: few tokens from packed weights, which are read once for every four; many by way of the dense weight. */
export function sparse24Matmul(
  engine: Engine,
  x: Operand,
  words: Operand,
  out: Operand,
  form: Sparse24Form,
): void {
  const [rows, inputs] = form.shape;
  const tokens = x.shape[0]!;
  if (tokens === 0) return;
  if (tokens >= manyTokens) {
    multiplyDense(engine, x, words, out, form);
    return;
  }
  const rowTiles = Math.ceil(rows / groupRows);
  engine.dispatch({
    op: "sparse24Matmul",
    key: `sparse24Matmul ${form.dtype}`,
    bindings: {
      x: { buffer: x.buffer, access: "read" },
      words: { buffer: words.buffer, access: "read" },
      out: { buffer: out.buffer, access: "read_write" },
    },
    params: {
      ...{ rows, inputs, tokens, steps: Math.ceil(inputs / stepInputs), row_tiles: rowTiles },
      ...{ x_offset: x.offset, x_row: x.strides[0]!, x_column: x.strides[1]! },
      ...{ words_offset: words.offset, out_offset: out.offset },
      ...codeParams(form),
      tiles: rowTiles * Math.ceil(tokens / groupTokens),
    },
    workgroups: foldWorkgroups(rowTiles * Math.ceil(tokens / groupTokens)),
    work: rows * inputs * tokens,
    code: (names) => `${codeAt(names.words!)}${weightAt(names.words!, form)}
var<workgroup> sums: array<vec4<f32>, ${groupRows * slices}>;
fn at(token: u32, column: u32) -> f32 {
  let row = min(token, params.tokens - 1u);
  return bitcast<f32>(${names.x}[params.x_offset + row * params.x_row + column * params.x_column]);
}
@compute @workgroup_size(${groupRows * slices})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = group.x + group.y * groups.x;
  if (tile >= params.tiles) { return; }
  let row = (tile % params.row_tiles) * ${groupRows}u + lane % ${groupRows}u;
  let token = (tile / params.row_tiles) * ${groupTokens}u;
  var sum = vec4<f32>(0.0);
  if (row < params.rows) {
    for (var step = lane / ${groupRows}u; step < params.steps; step += ${slices}u) {
      let code = code_at(step, row);
      let count = min(${keptOfStep}u, (params.inputs - step * ${stepInputs}u) >> 1u);
      for (var i = 0u; i < count; i++) {
        let column = step * ${stepInputs}u + ((i >> 1u) << 2u) + ((code >> (2u * i)) & 3u);
        let w = weight(step * ${keptOfStep}u + i, row);
        sum.x = fma(w, at(token, column), sum.x);
        if (token + 1u < params.tokens) {
          sum = vec4<f32>(sum.x, fma(vec3<f32>(w), vec3<f32>(at(token + 1u, column), at(token + 2u, column), at(token + 3u, column)), sum.yzw));
        }
      }
    }
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane >= ${groupRows}u || row >= params.rows) { return; }
  for (var slice = 1u; slice < ${slices}u; slice++) { sum += sums[slice * ${groupRows}u + lane]; }
  for (var i = 0u; i < min(${groupTokens}u, params.tokens - token); i++) {
    ${names.out}[params.out_offset + (token + i) * params.rows + row] = bitcast<u32>(sum[i]);
  }
}`,
  });
}

function multiplyDense(engine: Engine, x: Operand, words: Operand, out: Operand, form: Sparse24Form): void {
  const [rows, inputs] = form.shape;
  const buffer = engine.allocate(4 * rows * inputs);
  try {
    const dense: Operand = { buffer, dtype: "f32", shape: [rows, inputs], strides: [inputs, 1], offset: 0 };
    sparse24Unpack(engine, words, dense, form);
    const transposed: Operand = { ...dense, shape: [inputs, rows], strides: [1, inputs] };
    matmul(engine, x, transposed, out, { accumulate: false, alpha: 1 });
  } finally {
    engine.free(buffer);
  }
}

export function sparse24Unpack(engine: Engine, words: Operand, out: Operand, form: Sparse24Form): void {
  const [rows, inputs] = form.shape;
  const steps = Math.ceil(inputs / stepInputs);
  engine.dispatch({
    op: "sparse24Unpack",
    key: `sparse24Unpack ${form.dtype}`,
    bindings: {
      words: { buffer: words.buffer, access: "read" },
      out: { buffer: out.buffer, access: "read_write" },
    },
    params: {
      ...{ rows, inputs, steps, words_offset: words.offset, out_offset: out.offset },
      ...codeParams(form),
    },
    workgroups: foldWorkgroups(Math.ceil((rows * steps) / 64)),
    work: rows * inputs,
    code: (names) => `${codeAt(names.words!)}${weightAt(names.words!, form)}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let index = (group.x + group.y * groups.x) * 64u + lane;
  if (index >= params.rows * params.steps) { return; }
  let row = index % params.rows;
  let step = index / params.rows;
  let code = code_at(step, row);
  let count = min(${keptOfStep}u, (params.inputs - step * ${stepInputs}u) >> 1u);
  let start = params.out_offset + row * params.inputs + step * ${stepInputs}u;
  for (var i = 0u; i < count; i += 2u) {
    var four = vec4<u32>(0u);
    four[(code >> (2u * i)) & 3u] = bitcast<u32>(weight(step * ${keptOfStep}u + i, row));
    four[(code >> (2u * i + 2u)) & 3u] = bitcast<u32>(weight(step * ${keptOfStep}u + i + 1u, row));
    let at = start + 2u * i;
    ${names.out}[at] = four.x;
    ${names.out}[at + 1u] = four.y;
    ${names.out}[at + 2u] = four.z;
    ${names.out}[at + 3u] = four.w;
  }
}`,
  });
}
