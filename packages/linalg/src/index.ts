export { cholesky, choleskyInverse, choleskyOp, choleskyUnchecked, inverseSpd } from "./cholesky.js";
export { type DampedFactor, type DampedOptions, factorDamped } from "./damped.js";
export { addDiagonalInto } from "./diagonal.js";
export { skewPart, symmetricPart } from "./matrices.js";
export { newtonSchulz5, polar } from "./polar.js";
export { qr, qrOp, qrPullback } from "./qr.js";
export { cayley, solve } from "./solve.js";
export { type SymmetricEigen, symmetricEigen } from "./symmetric-eigen.js";
export { lowerTriangle, upperTriangle } from "./triangle.js";
export {
  inverseTriangular,
  inverseTriangularOp,
  invertLowerInPlace,
  solveTriangular,
  solveTriangularOp,
  type TriangularOptions,
} from "./triangular.js";
