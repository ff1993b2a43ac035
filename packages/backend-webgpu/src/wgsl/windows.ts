import type { Operand } from "@denoise-rotator/core";
import { listLength, type Params } from "../engine/params.js";

/** Several operands of one shape with as few axes as their strides allow. */
export interface Windows {
  readonly shape: readonly number[];
  /** For each operand. */
  readonly strides: readonly (readonly number[])[];
  readonly offsets: readonly number[];
}

/** Drops axes of size 1 and merges those that every operand steps through evenly. */
export function mergeAxes(operands: readonly Pick<Operand, "shape" | "strides" | "offset">[]): Windows {
  const full = operands[0]!.shape;
  const shape: number[] = [];
  const strides: number[][] = operands.map(() => []);
  for (let axis = 0; axis < full.length; axis++) {
    const dim = full[axis]!;
    if (dim === 1) continue;
    const last = shape.length - 1;
    const even = operands.every((x, i) => strides[i]![last] === x.strides[axis]! * dim);
    if (last >= 0 && even) {
      shape[last] = shape[last]! * dim;
      operands.forEach((x, i) => {
        strides[i]![last] = x.strides[axis]!;
      });
    } else {
      shape.push(dim);
      operands.forEach((x, i) => {
        strides[i]!.push(x.strides[axis]!);
      });
    }
  }
  return { shape, strides, offsets: operands.map(({ offset }) => offset) };
}

/** Calls `body` with windows of at most 8 axes, one for each position of the axes in front of them. */
export function forEachPart(windows: Windows, body: (part: Windows) => void): void {
  const { shape, strides, offsets } = windows;
  if (shape.length <= listLength) {
    body(windows);
    return;
  }
  for (let i = 0; i < shape[0]!; i++) {
    forEachPart(
      {
        shape: shape.slice(1),
        strides: strides.map((list) => list.slice(1)),
        offsets: offsets.map((offset, k) => offset + i * strides[k]![0]!),
      },
      body,
    );
  }
}

/** Kernels differ by the number of axes: one, two, or any up to 8. */
export type RankClass = "flat" | "matrix" | "any";
export const rankClass = ({ shape }: Windows): RankClass =>
  shape.length <= 1 ? "flat" : shape.length === 2 ? "matrix" : "any";

/** Names the function, its type and its parameters where a kernel locates more than one set of operands. */
export type Prefix = "" | `${string}_`;

/**
 * `fn locate(i) -> Positions`: where element i (row-major) of each named operand lies, as `.name`; with a prefix
 * `fn PREFIX_locate(i) -> PREFIX_Positions`. Parameters: those of {@link windowParams} with the same prefix.
 */
export function locate(names: readonly string[], rank: RankClass, prefix: Prefix = ""): string {
  const param = (name: string) => `params.${prefix}${name}`;
  const item = (list: string) => `${param(list)}[(axis - 1u) >> 2u][(axis - 1u) & 3u]`;
  const each = (line: (name: string) => string) => names.map(line).join("\n");
  return `struct ${prefix}Positions {
${each((name) => `  ${name}: u32,`)}
}
fn ${prefix}locate(i: u32) -> ${prefix}Positions {
  var p = ${prefix}Positions(${names.map((name) => param(`${name}_offset`)).join(", ")});
${steps[rank](each, param, item)}
  return p;
}
`;
}

type Steps = (
  each: (line: (name: string) => string) => string,
  param: (name: string) => string,
  item: (list: string) => string,
) => string;

const steps: Readonly<Record<RankClass, Steps>> = {
  flat: (each, param) => each((name) => `  p.${name} += i * ${param(`${name}_strides`)}[0].x;`),
  matrix: (each, param) => `  let row = i / ${param("shape")}[0].y;
  let column = i - row * ${param("shape")}[0].y;
${each((name) => `  p.${name} += row * ${param(`${name}_strides`)}[0].x + column * ${param(`${name}_strides`)}[0].y;`)}`,
  any: (each, param, item) => `  var rest = i;
  for (var axis = ${param("rank")}; axis > 0u; axis--) {
    let dim = ${item("shape")};
    let index = rest % dim;
    rest = rest / dim;
${each((name) => `    p.${name} += index * ${item(`${name}_strides`)};`)}
  }`,
};

export function windowParams(
  names: readonly string[],
  { shape, strides, offsets }: Windows,
  prefix: Prefix = "",
): Params {
  const params: Record<string, number | readonly number[]> = {
    [`${prefix}rank`]: shape.length,
    [`${prefix}shape`]: shape,
  };
  names.forEach((name, i) => {
    params[`${prefix}${name}_offset`] = offsets[i]!;
    params[`${prefix}${name}_strides`] = strides[i]!;
  });
  return params;
}
