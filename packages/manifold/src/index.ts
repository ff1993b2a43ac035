export { blockDiagonalOrthogonal } from "./block-diagonal-orthogonal.js";
export { diagonalBlocks, fromDiagonalBlocks } from "./diagonal-blocks.js";
export { euclidean } from "./euclidean.js";
export type { Manifold } from "./manifold.js";
export { type MinimizeOptions, type MinimizeResult, minimize } from "./minimize.js";
export { type OrthogonalOptions, orthogonal } from "./orthogonal.js";
export { orthonormalityError } from "./orthonormal.js";
export { type ProductManifold, product } from "./product.js";
export { type BodyAdamOptions, bodyAdam, bodyAdamSteps } from "./solvers/adam.js";
export { type MuonOptions, muon, muonSteps } from "./solvers/muon.js";
export { type QrAdamOptions, qrAdam, qrAdamSteps } from "./solvers/qr-adam.js";
export { createSolver, type SolverName, solverNames } from "./solvers/registry.js";
export {
  type RiemannianAdamOptions,
  type RiemannianSgdOptions,
  riemannianAdam,
  riemannianSgd,
} from "./solvers/riemannian.js";
export type {
  Evaluation,
  EvaluationStep,
  HostArray,
  OrthogonalObjective,
  Solver,
  SolverOptions,
  SolverResult,
  SolverState,
  StepInfo,
  StoppingRule,
} from "./solvers/solver.js";
export { stiefel } from "./stiefel.js";
