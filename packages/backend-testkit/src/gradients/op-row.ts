import type { Shape, Tensor } from "@denoise-rotator/core";
import type { Values } from "../values.js";

/** One argument of an op: floats drawn from `values` (default: normal deviates), or i32 or bool constants. */
export interface OpInput {
  readonly shape: Shape;
  readonly values?: Values;
  readonly dtype?: "float" | "i32" | "bool";
  /** A float that counts as constant: no gradient is taken with respect to it. */
  readonly constant?: boolean;
}

/** A row of an op table: an op, arguments to try it on, and how it is called. */
export interface OpRow {
  /** The op's name, as its definition has it. */
  readonly name: string;
  /** Tells rows of one op apart. */
  readonly variant?: string;
  /** Floats come as f64 on the cpu backend and as f32 on the backend under test. Stay away from kinks and poles. */
  readonly inputs: readonly OpInput[];
  apply(...inputs: Tensor[]): Tensor;
  /** Step of the finite differences. Default 1e-5. */
  readonly step?: number;
  /** Allowed error of derivatives in f64, relative to 1 + their size. Default 1e-6. */
  readonly tolerance?: number;
  /** Allowed error of f32 results, relative to the largest expected entry and 1. Default 1e-4. */
  readonly singleTolerance?: number;
}

export const takesGradient = ({ dtype = "float", constant = false }: OpInput): boolean =>
  dtype === "float" && !constant;

/** What rows of a table lack of `ops`: names that no row has. */
export const missingRows = (table: readonly OpRow[], ops: readonly { readonly name: string }[]): string[] =>
  ops.map(({ name }) => name).filter((name) => !table.some((row) => row.name === name));
