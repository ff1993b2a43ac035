import type { Dense } from "../contender.js";

/** Uniform numbers in [−0.5, 0.5) from a seed (xorshift32), the same in every run. */
export function uniform(shape: readonly number[], seed: number): Dense {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  for (let i = 0; i < data.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[i] = (state >>> 0) / 2 ** 32 - 0.5;
  }
  return { shape, data };
}

/** `count` different whole numbers below `n`, evenly spread and always the same; all of them where `n` is small. */
export function spread(n: number, count: number): number[] {
  if (n <= count) return Array.from({ length: n }, (_, i) => i);
  return Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * n) / count));
}
