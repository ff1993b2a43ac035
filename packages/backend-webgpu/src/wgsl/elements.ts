import { byteWidth, type DType } from "@denoise-rotator/core";

/** Elements in one 32-bit word. */
export const perWord = (dtype: DType): number => 4 / byteWidth(dtype);

/**
 * `fn read_NAME(position) -> u32`: the bits of an element of a buffer bound as `array<u32>` (`array<atomic<u32>>` where
 * `atomic`), narrow dtypes in the low bits. Positions count elements from the start of the buffer.
 */
export function readElement(name: string, variable: string, dtype: DType, atomic = false): string {
  const load = (index: string) => (atomic ? `atomicLoad(&${variable}[${index}])` : `${variable}[${index}]`);
  const word = (shift: number, bits: number) =>
    `(${load(`position >> ${shift}u`)} >> ((position & ${2 ** shift - 1}u) * ${bits}u)) & ${2 ** bits - 1}u`;
  const width = byteWidth(dtype);
  const body = width === 4 ? load("position") : width === 2 ? word(1, 16) : word(2, 8);
  return `fn read_${name}(position: u32) -> u32 { return ${body}; }\n`;
}

/** Invocations of one workgroup in kernels that map elements. */
export const workgroupSize = 64;

/** Opens `main` of a kernel with one invocation for each of many things: `id` is its number. */
export const mainById = /* wgsl */ `
@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let id = (group.x + group.y * groups.x) * ${workgroupSize}u + local;`;

/**
 * `main` that writes contiguous elements: `fn element(i) -> u32` gives the bits of number i. An invocation writes one
 * whole 32-bit word, of which it keeps the bytes that are not the output's; nobody else writes that word.
 * Parameters: those of {@link denseParams}.
 */
export function writeDense(variable: string, dtype: DType): string {
  const per = perWord(dtype);
  if (per === 1) {
    return `${mainById}
  if (id >= params.count) { return; }
  ${variable}[params.first + id] = element(id);
}
`;
  }
  const bits = 32 / per;
  return `${mainById}
  if (id >= params.words) { return; }
  var word = 0u;
  var mask = 0u;
  for (var j = 0u; j < ${per}u; j++) {
    let at = id * ${per}u + j;
    if (at < params.lead || at >= params.lead + params.count) { continue; }
    word |= element(at - params.lead) << (j * ${bits}u);
    mask |= ${2 ** bits - 1}u << (j * ${bits}u);
  }
  if (mask != 0xffffffffu) { word |= ${variable}[params.first + id] & ~mask; }
  ${variable}[params.first + id] = word;
}
`;
}

/** Parameters of {@link writeDense} and the number of its invocations. */
export function denseParams(dtype: DType, offset: number, count: number) {
  const per = perWord(dtype);
  const lead = offset % per;
  const words = Math.ceil((lead + count) / per);
  const params = { count, first: (offset - lead) / per };
  return { params: per === 1 ? params : { ...params, words, lead }, invocations: words };
}

/**
 * `fn write_NAME(position, bits)` for elements at any positions. Narrow dtypes share words with neighbours that other
 * invocations may write at the same time, so their buffer is bound as `array<atomic<u32>>`.
 */
export function writeElement(name: string, variable: string, dtype: DType): string {
  const width = byteWidth(dtype);
  if (width === 4) return `fn write_${name}(position: u32, bits: u32) { ${variable}[position] = bits; }\n`;
  const shift = width === 2 ? 1 : 2;
  const bits = 8 * width;
  return /* wgsl */ `
fn write_${name}(position: u32, bits: u32) {
  let shift = (position & ${2 ** shift - 1}u) * ${bits}u;
  atomicAnd(&${variable}[position >> ${shift}u], ~(${2 ** bits - 1}u << shift));
  atomicOr(&${variable}[position >> ${shift}u], bits << shift);
}
`;
}
