import { CholeskyDecomposition, EigenvalueDecomposition, inverse, Matrix, QrDecomposition } from "ml-matrix";
import { type Contender, type Dense, Unsupported } from "../harness/contender.js";
import { versionOf } from "../machine.js";
import { contender, type Prepare, requireOneThread, slowEigen, slowProducts } from "./table.js";

/** ml-matrix: plain JavaScript in f64. */
export async function mlMatrix(threads: number): Promise<Contender> {
  requireOneThread(threads, "ml-matrix");
  const operation =
    (run: (...inputs: Matrix[]) => Matrix[]): Prepare =>
    (inputs) => {
      const operands = inputs.map(toMatrix);
      let last: Matrix[] = [];
      return {
        run() {
          last = run(...operands);
        },
        results: () => last.map(toDense),
      };
    };
  return contender(
    { "ml-matrix": versionOf("ml-matrix") },
    {
      gemm: slowProducts((inputs, sizes) => {
        if (sizes[3]! > 1) throw new Unsupported("has no batched product");
        return operation((a, b) => [a!.mmul(b!)])(inputs, sizes);
      }),
      cholesky: operation((a) => [new CholeskyDecomposition(a!).lowerTriangularMatrix]),
      qr: operation((a) => {
        const qr = new QrDecomposition(a!);
        return [qr.orthogonalMatrix, qr.upperTriangularMatrix];
      }),
      triangularInverse: operation((a) => [inverse(a!)]),
      symmetricEigen: slowEigen(
        operation((a) => {
          const eigen = new EigenvalueDecomposition(a!, { assumeSymmetric: true });
          return [Matrix.rowVector(eigen.realEigenvalues), eigen.eigenvectorMatrix];
        }),
      ),
    },
  );
}

function toMatrix({ shape, data }: Dense): Matrix {
  const [rows, columns] = shape as [number, number];
  return Matrix.from1DArray(rows, columns, data as unknown as number[]);
}

const toDense = (matrix: Matrix): Dense => ({
  shape: [matrix.rows, matrix.columns],
  data: Float32Array.from(matrix.to1DArray()),
});
