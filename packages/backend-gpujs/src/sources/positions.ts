import type { LibraryFunction } from "../library/library.js";
import { type ArgumentKind, integers } from "./kernel-source.js";

/** x towards zero, as an integer: WebGL2 assigns floats to integers in no other way. */
export const whole: LibraryFunction = {
  source: "function whole(x) { return Math.trunc(x); }",
  settings: { argumentTypes: { x: "Float" }, returnType: "Integer" },
};

/**
 * ⌊a / d⌋ of integers a ≥ 0, d > 0. The translator divides in floats: the first quotient is off by a few units for large
 * a, the second, of the remainder, by at most one.
 */
const quotient: LibraryFunction = {
  source: `function quotient(a, d) {
    ${integers("q", "more", "rest")}
    q = whole(a / d);
    rest = a - q * d;
    more = whole(rest / d);
    q = q + more;
    rest = rest - more * d;
    if (rest < 0) { q = q - 1; }
    if (rest >= d) { q = q + 1; }
    return q;
  }`,
  settings: { argumentTypes: { a: "Integer", d: "Integer" }, returnType: "Integer" },
};

/** What code that calls `quotient` needs. */
export const division = [whole, quotient] as const;

/** Sizes and strides of operands that are walked together. */
export interface Walk {
  readonly rank: number;
  /** Arguments `dim{i}` for i > 0, and for each operand `{name}Start` and `{name}Step{i}`. */
  readonly arguments: Readonly<Record<string, ArgumentKind>>;
  readonly functions: readonly LibraryFunction[];
  /** Statements that leave in integers `{name}At` the positions of the element `index` of the walk, row-major. */
  readonly code: string;
}

/** The code that walks `rank` axes for operands of the given names; `index` is an integer expression. */
export function walk(rank: number, names: readonly string[], index: string, prefix = ""): Walk {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  const dim = (i: number) => `${prefix}dim${i}`;
  const args: Record<string, ArgumentKind> = {};
  for (const i of axes.slice(1)) args[dim(i)] = "integer";
  for (const name of names) {
    args[`${name}Start`] = "integer";
    for (const i of axes) args[`${name}Step${i}`] = "integer";
  }
  const rest = `${prefix}rest`;
  const digit = `${prefix}digit`;
  const left = `${prefix}left`;
  const add = (i: number, by: string) =>
    names.map((name) => `${name}At = ${name}At + ${by} * ${name}Step${i};`).join(" ");
  const code = `
    ${integers(rest, digit, left, ...names.map((name) => `${name}At`))}
    ${rest} = ${index};
    ${names.map((name) => `${name}At = ${name}Start;`).join(" ")}
    ${axes
      .slice(1)
      .reverse()
      .map(
        (i) => `
    ${left} = quotient(${rest}, ${dim(i)});
    ${digit} = ${rest} - ${left} * ${dim(i)};
    ${rest} = ${left};
    ${add(i, digit)}`,
      )
      .join("")}
    ${rank > 0 ? add(0, rest) : ""}`;
  return { rank, arguments: args, functions: rank > 1 ? division : [], code };
}
