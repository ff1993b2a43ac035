import type { Local, V128 } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";

/**
 * Independent vectors that go through one computation side by side, so that their latencies overlap and every constant
 * is loaded once for all of them. Its elements may be evaluated more than once: loads, or locals.
 */
export type Bundle = readonly V128[];
/** A bundle in locals. */
export type Locals = readonly Local<"v128">[];

/** Emits the computation of a result for every place of its operands. */
export type Lanewise = (m: ModuleBuilder, f: FunctionBuilder, ...operands: Bundle[]) => Bundle;

/** `op` place by place. */
export const each =
  (op: (m: ModuleBuilder, f: FunctionBuilder, ...operands: V128[]) => V128): Lanewise =>
  (m, f, ...operands) =>
    operands[0]!.map((_, i) => op(m, f, ...operands.map((bundle) => bundle[i]!)));

/** The values of `op` at every element, in locals. */
export const keep = (f: FunctionBuilder, bundle: Bundle, op: (x: V128, place: number) => V128): Locals =>
  bundle.map((x, place) => f.let(op(x, place)));

/** Sets every local anew. */
export function update(
  f: FunctionBuilder,
  locals: Locals,
  op: (x: Local<"v128">, place: number) => V128,
): void {
  for (const [place, local] of locals.entries()) f.set(local, op(local, place));
}

/** One value from all, pairwise. */
export function fold<T>(values: readonly T[], combine: (a: T, b: T) => T): T {
  if (values.length === 1) return values[0]!;
  const half = values.length >> 1;
  return combine(fold(values.slice(0, half), combine), fold(values.slice(half), combine));
}

/** Polynomials by Horner's rule, coefficients from the highest power down. */
export function horner(
  m: ModuleBuilder,
  f: FunctionBuilder,
  arguments_: Bundle,
  coefficients: readonly number[],
): Locals {
  const [highest, ...rest] = coefficients;
  const leading = f.let(m.f32(highest!));
  const sums = arguments_.map(() => f.local("v128"));
  rest.forEach((coefficient, step) => {
    const constant = f.let(m.f32(coefficient));
    update(f, sums, (sum, i) => m.madd(step === 0 ? leading : sum, arguments_[i]!, constant));
  });
  return sums;
}
