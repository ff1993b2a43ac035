import type { DType } from "@denoise-rotator/core";
import { floatBits } from "./bits.js";

/**
 * `fn sortKey(bits) -> u32`: unsigned integers that order as the contract says: NaN largest, −0 and +0 alike. Descending
 * keys are the complement.
 */
export function sortKey(dtype: DType, descending = false): string {
  const flip = descending ? "~" : "";
  if (dtype === "i32") return `fn sortKey(bits: u32) -> u32 { return ${flip}(bits ^ 0x80000000u); }\n`;
  return `${floatBits}
fn sortKey(bits: u32) -> u32 {
  if (isNan(bits)) { return ${flip}0xffffffffu; }
  return ${flip}(bitcast<u32>(orderOf(select(bits, 0u, isZero(bits)))) ^ 0x80000000u);
}
`;
}
