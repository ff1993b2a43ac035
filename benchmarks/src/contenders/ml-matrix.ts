import { type Contender, contender, type Dense, operationsOf, Unsupported } from "@denoise-rotator/bench";
import { CholeskyDecomposition, EigenvalueDecomposition, inverse, Matrix, QrDecomposition } from "ml-matrix";
import { versionOf } from "../machine.js";
import { requireOneThread, slowEigen, slowProducts } from "./limits.js";

const operation = operationsOf<Matrix>({
  upload: toMatrix,
  async wait() {},
  download: async (matrix) => ({
    shape: [matrix.rows, matrix.columns],
    data: Float32Array.from(matrix.to1DArray()),
  }),
  dispose() {},
});

/** ml-matrix: plain JavaScript in f64. */
export async function mlMatrix(threads: number): Promise<Contender> {
  requireOneThread(threads, "ml-matrix");
  const name = "ml-matrix";
  const library = contender(
    { ...{ name, package: name, version: versionOf(name) }, async dispose() {} },
    {
      gemm: (inputs, sizes) => {
        if (sizes[3]! > 1) throw new Unsupported("has no batched product");
        return operation((a, b) => [a!.mmul(b!)])(inputs, sizes);
      },
      cholesky: operation((a) => [new CholeskyDecomposition(a!).lowerTriangularMatrix]),
      qr: operation((a) => {
        const qr = new QrDecomposition(a!);
        return [qr.orthogonalMatrix, qr.upperTriangularMatrix];
      }),
      triangularInverse: operation((a) => [inverse(a!)]),
      symmetricEigen: operation((a) => {
        const eigen = new EigenvalueDecomposition(a!, { assumeSymmetric: true });
        return [Matrix.rowVector(eigen.realEigenvalues), eigen.eigenvectorMatrix];
      }),
    },
  );
  return slowProducts(slowEigen(library));
}

function toMatrix({ shape, data }: Dense): Matrix {
  const [rows, columns] = shape as [number, number];
  return Matrix.from1DArray(rows, columns, data as unknown as number[]);
}
