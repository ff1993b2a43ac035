import { OptionError, type Tensor, tidy } from "@denoise-rotator/core";
import { diagonalBlocks, fromDiagonalBlocks } from "./diagonal-blocks.js";
import { checkPoint, type Manifold } from "./manifold.js";
import { type OrthogonalOptions, orthogonal } from "./orthogonal.js";
import { orthonormalityError } from "./orthonormal.js";

/**
 * Orthogonal matrices `[n, n]` that are zero outside `blocks` equal blocks on the diagonal: a product of orthogonal groups
 * in one matrix. Random points have Haar distributed blocks; an adaptive step scales each block by its own.
 *
 * @throws OptionError unless `blocks` divides n.
 */
export function blockDiagonalOrthogonal(
  n: number,
  blocks: number,
  options: Pick<OrthogonalOptions, "retraction"> = {},
): Manifold {
  if (!(Number.isInteger(blocks) && blocks > 0 && n % blocks === 0)) {
    throw new OptionError(`blockDiagonalOrthogonal: ${blocks} equal blocks do not fit ${n} rows`);
  }
  const shape = [n, n];
  const name = `block-diagonal orthogonal(${n}, ${blocks} blocks)`;
  const each = orthogonal(n / blocks, { ...options, batch: blocks });
  const split = (x: Tensor) => diagonalBlocks(x, blocks);
  const lift =
    (call: (...stacks: Tensor[]) => Tensor) =>
    (...matrices: Tensor[]): Tensor =>
      tidy(() => fromDiagonalBlocks(call(...matrices.map(split))));
  const error: Manifold["error"] = (x) =>
    tidy(() =>
      orthonormalityError(x).maximum(
        x
          .sub(fromDiagonalBlocks(split(x)))
          .abs()
          .max(),
      ),
    );
  return {
    name,
    shape,
    project: lift((x, g) => each.project(x!, g!)),
    retract: lift((x, v) => each.retract(x!, v!)),
    transport: lift((x, v, y) => each.transport(x!, v!, y!)),
    restore: lift((x) => each.restore(x!)),
    random: (rng, creation) => tidy(() => fromDiagonalBlocks(each.random(rng, creation))),
    error,
    // One number a block, spread over its entries; 1 outside, where every tangent is 0.
    meanSquare: (v) =>
      tidy(() => {
        const perBlock = each.meanSquare(split(v)).expand([blocks, n / blocks, n / blocks]);
        const inside = fromDiagonalBlocks(perBlock);
        const outside = fromDiagonalBlocks(perBlock.mul(0).add(1)).neg().add(1);
        return inside.add(outside);
      }),
    check: (x, tolerance) => checkPoint({ name, shape, error }, x, tolerance),
  };
}
