import { readFileSync } from "node:fs";
import { Site, type SparsityPattern } from "@denoise-rotator/contracts";
import type { FloatDType } from "@denoise-rotator/core";
import { hostTensor } from "./layers.js";

const folder = new URL("../../../goldens/pruners/", import.meta.url);

export interface GoldenCase {
  readonly name: string;
  readonly layer: string;
  readonly pattern: { readonly keep: number; readonly of: number } | { readonly sparsity: number };
  readonly block: number;
  readonly pruned: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<"magnitude" | "wanda" | "sparsegpt" | "leastSquares", number>>;
  readonly dampedErrors: Readonly<Record<"sparsegpt" | "leastSquares", number>>;
}

export const goldenCases = (
  JSON.parse(readFileSync(new URL("sparsegpt.json", folder), "utf8")) as { cases: GoldenCase[] }
).cases;

export const goldenPattern = ({ pattern }: GoldenCase): SparsityPattern =>
  "keep" in pattern ? { kind: "n:m", ...pattern } : { kind: "unstructured", ...pattern };

const file = readFileSync(new URL("sparsegpt.safetensors", folder));
const headerBytes = Number(file.readBigUInt64LE(0));
const header = JSON.parse(file.toString("utf8", 8, 8 + headerBytes)) as Record<
  string,
  { dtype: string; shape: number[]; data_offsets: [number, number] }
>;

/** A tensor of the golden file: numbers (F64) or flags (U8). */
export function golden(name: string): { values: Float64Array | Uint8Array; shape: number[] } {
  const { dtype, shape, data_offsets } = header[name]!;
  const bytes = new Uint8Array(
    file.subarray(8 + headerBytes + data_offsets[0], 8 + headerBytes + data_offsets[1]),
  );
  return { values: dtype === "F64" ? new Float64Array(bytes.buffer) : bytes, shape };
}

export function goldenSite(layer: string, dtype: FloatDType): Site {
  const [weight, hessian] = [golden(`${layer}.weight`), golden(`${layer}.hessian`)];
  const site = new Site({
    name: layer,
    role: "upProj",
    weight: hostTensor(weight.values, weight.shape, dtype),
  });
  site.setStatistics({ gram: hostTensor(hessian.values, hessian.shape, dtype), tokens: 400 });
  return site;
}
