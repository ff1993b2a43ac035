import type { BinaryOp, UnaryOp } from "@denoise-rotator/core";
import type { LibraryFunction } from "../library/library.js";
import { mathFunctions } from "./functions.js";
import type { ArgumentKind, KernelSource } from "./kernel-source.js";
import { walk } from "./positions.js";

/** Statements that return the result for `x`, or for `a` and `b`. */
interface Formula {
  readonly code: string;
  readonly functions?: readonly LibraryFunction[];
  /** Whether it needs the arguments `inf` and `nan`: the translator has neither constant. */
  readonly limits?: boolean;
}

const just = (code: string): Formula => ({ code });
const calling = (name: keyof typeof mathFunctions, code: string, limits = false): Formula => ({
  code,
  functions: mathFunctions[name],
  limits,
});
const predicate = (condition: string): Formula => just(`if (${condition}) { return 1; } return 0;`);

const unaryFormulas: Record<UnaryOp, Formula> = {
  neg: just("return -x;"),
  abs: just("return Math.abs(x);"),
  sign: just("if (x > 0) { return 1; } if (x < 0) { return -1; } return x;"),
  exp: calling("exponential", "return exponential(x);"),
  log: calling("logarithm", "return logarithm(x, inf, nan);", true),
  sqrt: just("return Math.sqrt(x);"),
  rsqrt: just("return 1 / Math.sqrt(x);"),
  reciprocal: just("return 1 / x;"),
  square: just("return x * x;"),
  tanh: calling("hyperbolicTangent", "return hyperbolicTangent(x);"),
  sigmoid: calling("exponential", "return 1 / (1 + exponential(-x));"),
  sin: calling("cosine", "return cosine(x, 3);"),
  cos: calling("cosine", "return cosine(x, 0);"),
  floor: just("return Math.floor(x);"),
  ceil: just("return Math.ceil(x);"),
  round: calling("roundToEven", "return roundToEven(x);"),
  isFinite: predicate("Math.abs(x) <= 3.4028234663852886e38"),
  logicalNot: predicate("x === 0"),
};

// Of two equal numbers only zeros differ, in their signs, which sums combine as these must.
const extremum = (sign: "<" | ">", zeros: string): Formula =>
  just(`
    if (!(a === a)) { return a; }
    if (!(b === b)) { return b; }
    if (a ${sign} b) { return a; }
    if (a === 0) { if (b === 0) { return ${zeros}; } }
    return b;`);

const binaryFormulas: Record<BinaryOp, Formula> = {
  add: just("return a + b;"),
  sub: just("return a - b;"),
  mul: just("return a * b;"),
  div: just("return a / b;"),
  pow: calling("raise", "return raise(a, b, inf, nan);", true),
  maximum: extremum(">", "a + b"),
  minimum: extremum("<", "-((-a) - b)"),
  equal: predicate("a === b"),
  notEqual: just("if (a === b) { return 0; } return 1;"),
  less: predicate("a < b"),
  lessEqual: predicate("a <= b"),
  greater: predicate("a > b"),
  greaterEqual: predicate("a >= b"),
  logicalAnd: just("if (a === 0) { return 0; } if (b === 0) { return 0; } return 1;"),
  logicalOr: just("if (a === 0) { if (b === 0) { return 0; } } return 1;"),
};

function elementwise(
  name: string,
  rank: number,
  operands: readonly string[],
  formula: Formula,
): KernelSource {
  const positions = walk(rank, operands, "this.thread.x");
  const values = (operand: string) => `${operand}Values`;
  const limits: Record<string, ArgumentKind> = formula.limits ? { inf: "float", nan: "float" } : {};
  return {
    name: `${name}/${rank}`,
    arguments: {
      ...Object.fromEntries(operands.map((operand) => [values(operand), "array" as const])),
      ...positions.arguments,
      ...limits,
    },
    functions: [...positions.functions, ...(formula.functions ?? [])],
    body: `${positions.code}
      ${operands.map((operand) => `let ${operand} = ${values(operand)}[${operand}At];`).join(" ")}
      ${formula.code}`,
  };
}

export const unarySource = (op: UnaryOp, rank: number): KernelSource =>
  elementwise(`unary ${op}`, rank, ["x"], unaryFormulas[op]);

export const binarySource = (op: BinaryOp, rank: number): KernelSource =>
  elementwise(`binary ${op}`, rank, ["a", "b"], binaryFormulas[op]);

export const copySource = (rank: number): KernelSource => elementwise("copy", rank, ["x"], just("return x;"));

/** 1 where x is not 0, NaN included. */
export const truthSource = (rank: number): KernelSource =>
  elementwise("truth", rank, ["x"], just("if (x === 0) { return 0; } return 1;"));

/** Only the chosen one is read. */
export function selectSource(rank: number): KernelSource {
  const positions = walk(rank, ["c", "a", "b"], "this.thread.x");
  return {
    name: `select/${rank}`,
    arguments: { cValues: "array", aValues: "array", bValues: "array", ...positions.arguments },
    functions: positions.functions,
    body: `${positions.code}
      if (cValues[cAt] === 0) { return bValues[bAt]; }
      return aValues[aAt];`,
  };
}
