import { copyInto, formatShape, ShapeError, type Tensor, tidy, zeros } from "@denoise-rotator/core";

/** The `count` equal blocks on the diagonal of `x` `[n, n]`, as a new stack `[count, n/count, n/count]`. */
export function diagonalBlocks(x: Tensor, count: number): Tensor {
  const [n, columns] = x.shape;
  if (x.rank !== 2 || n !== columns || n! % count !== 0) {
    throw new ShapeError(
      `diagonalBlocks: ${formatShape(x.shape)} has no ${count} equal blocks on its diagonal`,
    );
  }
  return tidy(() => {
    const out = zeros([count, n! / count, n! / count], { dtype: x.dtype, backend: x.backend });
    copyInto(out, diagonalView(x.contiguous(), count));
    return out;
  });
}

/** The matrix `[n, n]` with the blocks of `stack` `[count, n/count, n/count]` on its diagonal, zeros elsewhere. */
export function fromDiagonalBlocks(stack: Tensor): Tensor {
  const [count, size] = stack.shape as [number, number];
  return tidy(() => {
    const out = zeros([count * size, count * size], { dtype: stack.dtype, backend: stack.backend });
    copyInto(diagonalView(out, count), stack);
    return out;
  });
}

const diagonalView = (x: Tensor, count: number): Tensor => {
  const n = x.shape[0]!;
  const size = n / count;
  return x.view({ shape: [count, size, size], strides: [size * n + size, n, 1], offset: x.offset });
};
