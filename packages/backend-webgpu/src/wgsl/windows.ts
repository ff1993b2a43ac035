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

const item = (list: string, axis: string): string => `params.${list}[${axis} >> 2u][${axis} & 3u]`;

/**
 * `fn locate(i) -> Positions`: where element i (row-major) of each named operand lies, as `.name`.
 * Parameters: those of {@link windowParams}.
 */
export function locate(names: readonly string[], rank: RankClass): string {
  const each = (line: (name: string) => string) => names.map(line).join("\n");
  const head = `struct Positions {\n${each((name) => `  ${name}: u32,`)}\n}\nfn locate(i: u32) -> Positions {\n`;
  const start = `  var p = Positions(${names.map((name) => `params.${name}_offset`).join(", ")});\n`;
  if (rank === "flat") {
    return `${head}${start}${each((name) => `  p.${name} += i * params.${name}_strides[0].x;`)}\n  return p;\n}\n`;
  }
  if (rank === "matrix") {
    return `${head}${start}  let row = i / params.shape[0].y;
  let column = i - row * params.shape[0].y;
${each((name) => `  p.${name} += row * params.${name}_strides[0].x + column * params.${name}_strides[0].y;`)}
  return p;
}
`;
  }
  return `${head}${start}  var rest = i;
  for (var axis = params.rank; axis > 0u; axis--) {
    let dim = ${item("shape", "(axis - 1u)")};
    let index = rest % dim;
    rest = rest / dim;
${each((name) => `    p.${name} += index * ${item(`${name}_strides`, "(axis - 1u)")};`)}
  }
  return p;
}
`;
}

export function windowParams(names: readonly string[], { shape, strides, offsets }: Windows): Params {
  const params: Record<string, number | readonly number[]> = { rank: shape.length, shape };
  names.forEach((name, i) => {
    params[`${name}_offset`] = offsets[i]!;
    params[`${name}_strides`] = strides[i]!;
  });
  return params;
}
