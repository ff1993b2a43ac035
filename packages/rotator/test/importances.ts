import { type ColumnScale, type Importance, requireStatistics } from "@denoise-rotator/contracts";
import { diagonalMatrix, type Tensor, tidy } from "@denoise-rotator/core";
import { choleskyInverse, factorDamped } from "@denoise-rotator/linalg";

const named: Record<ColumnScale, string> = {
  one: "magnitude",
  diagonal: "wanda",
  inverseDiagonal: "sparsegpt",
};
export const columnScales = ["one", "diagonal", "inverseDiagonal"] as const;

/** The three pruners' importances, as their package defines them. */
export function importanceOf(columnScale: ColumnScale): Importance {
  return {
    name: named[columnScale],
    columnScale,
    async of(site) {
      if (columnScale === "one") return site.weight.square();
      const { gram } = requireStatistics(site as never);
      if (columnScale === "diagonal") return tidy(() => site.weight.square().mul(gram.diagonal()));
      using inverse = await dampedInverse(gram);
      return tidy(() => site.weight.square().div(inverse.diagonal()));
    },
  };
}

/** (H + 0.01·mean(diag H)·I)⁻¹. */
export async function dampedInverse(H: Tensor): Promise<Tensor> {
  const { L } = await factorDamped(H, { damping: 0.01, name: "H" });
  using factor = L;
  return choleskyInverse(factor);
}

/** Orthogonal matrices `[n, size, size]` as products of Householder reflections of random vectors. */
export function randomOrthogonal(vectors: Tensor): Tensor {
  return tidy(() => {
    const size = vectors.shape.at(-1)!;
    const identity = diagonalMatrix(vectors.slice([0, 1]).reshape([size]).mul(0).add(1));
    const reflections = Array.from({ length: vectors.shape[0]! }, (_, i) => {
      const v = vectors.slice([i, i + 1]);
      return identity.sub(v.transpose().matmul(v).mul(2).div(v.square().sum()));
    });
    return reflections.reduce((a, b) => a.matmul(b));
  });
}
