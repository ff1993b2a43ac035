import type { Work } from "./contender.js";

const gemm = (size: number): Work => ({
  name: `gemm-${size}`,
  kind: "gemm",
  sizes: [size, size, size],
  flops: 2 * size ** 3,
});

/** Square f32 products. */
export const kernelWorks = (quick: boolean): Work[] => (quick ? [512] : [512, 768, 1024]).map(gemm);
