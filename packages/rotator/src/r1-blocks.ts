import { OptionError } from "@denoise-rotator/core";
import { diagonalBlocks, fromDiagonalBlocks, type OrthogonalObjective } from "@denoise-rotator/manifold";

/**
 * The objective of a block-diagonal R1 (and whatever other points it has), given as the stack `[count, hidden/count, hidden/count]` of its blocks: products at
 * block boundaries then cost a `count`-th, at a loss of quality (paper, section 5).
 */
export const inDiagonalBlocks = (objective: OrthogonalObjective, count: number): OrthogonalObjective => ({
  name: `${objective.name}, R1 in ${count} blocks`,
  async evaluate([stack, ...others], at) {
    using R1 = fromDiagonalBlocks(stack!);
    const { gradients, ...rest } = await objective.evaluate([R1, ...others], at);
    const [G1, ...more] = gradients;
    using whole = G1!;
    return { ...rest, gradients: [diagonalBlocks(whole, count), ...more] };
  },
});

/** Throws OptionError unless `count` blocks of a multiple of `group` columns fit. */
export function checkBlocks(count: number, hiddenSize: number, group: number): void {
  const fits = Number.isInteger(count) && count > 0 && hiddenSize % count === 0;
  if (fits && (count === 1 || (hiddenSize / count) % group === 0)) return;
  throw new OptionError(
    `r1Blocks ${count}: hidden size ${hiddenSize} does not split into that many blocks of a multiple of ${group}`,
  );
}
