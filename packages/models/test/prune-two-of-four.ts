import { fromTyped } from "@denoise-rotator/core";
import type { LoadedBlock } from "../src/index.js";

/** Keeps the two largest of every four weights of every site. */
export async function pruneTwoOfFour(block: LoadedBlock): Promise<void> {
  for (const site of block.sites) {
    const values = (await site.weight.read()) as Float32Array;
    for (let start = 0; start < values.length; start += 4) {
      const size = (place: number) => Math.abs(values[start + place]!);
      const places = [0, 1, 2, 3].sort((a, b) => size(a) - size(b));
      for (const place of places.slice(0, 2)) values[start + place] = 0;
    }
    site.setWeight(fromTyped(values, site.weight.shape, "f32", block.device));
  }
}
