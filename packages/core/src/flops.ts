let flops = 0;

/** Adds to the count of floating-point operations in matrix products. */
export const countMatmul = (m: number, n: number, k: number): void => {
  flops += 2 * m * n * k;
};

/** Floating-point operations (multiply and add count separately) of all matrix products so far. */
export const matmulFlops = (): number => flops;
