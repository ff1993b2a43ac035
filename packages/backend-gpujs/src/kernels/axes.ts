import type { Shape } from "@denoise-rotator/core";

export interface Axes {
  readonly shape: readonly number[];
  /** For each operand. */
  readonly strides: readonly (readonly number[])[];
}

/** The same elements in the same order with as few axes as possible: none of size 1, none that continues another. */
export function collapse(shape: Shape, strides: readonly (readonly number[])[]): Axes {
  const dims: number[] = [];
  const steps: number[][] = strides.map(() => []);
  for (let axis = 0; axis < shape.length; axis++) {
    const dim = shape[axis]!;
    if (dim === 1) continue;
    const continues = dims.length > 0 && strides.every((own, i) => steps[i]!.at(-1) === own[axis]! * dim);
    if (continues) {
      dims[dims.length - 1] = dims.at(-1)! * dim;
      for (const [i, own] of strides.entries()) steps[i]![steps[i]!.length - 1] = own[axis]!;
    } else {
      dims.push(dim);
      for (const [i, own] of strides.entries()) steps[i]!.push(own[axis]!);
    }
  }
  return { shape: dims, strides: steps };
}

/** At least one axis, which the sources ask for. */
export function atLeastOne({ shape, strides }: Axes): Axes {
  return shape.length > 0 ? { shape, strides } : { shape: [1], strides: strides.map(() => [0]) };
}

/** The arguments of a `walk` over `axes` for operands that start at `starts`. */
export function walkArguments(
  { shape, strides }: Axes,
  names: readonly string[],
  starts: readonly number[],
  prefix = "",
): Record<string, number> {
  const args: Record<string, number> = {};
  for (const [i, dim] of shape.entries()) if (i > 0) args[`${prefix}dim${i}`] = dim;
  for (const [k, name] of names.entries()) {
    args[`${name}Start`] = starts[k]!;
    for (const [i, stride] of strides[k]!.entries()) args[`${name}Step${i}`] = stride;
  }
  return args;
}
