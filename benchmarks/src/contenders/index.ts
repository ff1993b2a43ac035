import type { Contender } from "../contender.js";
import { naive } from "./naive.js";
import { ours } from "./ours.js";
import { tfjsWasm } from "./tfjs-wasm.js";

/** Every contender by its name; `denoise-rotator` is our default, against which ratios are taken. */
export const contenders: Readonly<Record<string, () => Promise<Contender>>> = {
  "denoise-rotator": ours,
  "tfjs-wasm": tfjsWasm,
  "naive-js": naive,
};
export const reference = "denoise-rotator";
