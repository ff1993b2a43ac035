export {
  type Comparison,
  ConformanceError,
  expectClose,
  isClose,
  roundingUnit,
  type WatchedTolerance,
} from "./compare.js";
export { type ConformanceOptions, conformanceCases } from "./conformance.js";
export { type DeferredBackend, type DeferredOptions, deferredBackend } from "./deferred-backend.js";
export { type DescribeOptions, describeBackend, type TestRunner } from "./describe-backend.js";
export { coreOpTable } from "./gradients/core-op-table.js";
export { type GradientOptions, gradientCases } from "./gradients/gradient-cases.js";
export { missingRows, type OpInput, type OpRow } from "./gradients/op-row.js";
export type { ConformanceCase } from "./kernel-case.js";
export { leakCheck } from "./leak-check.js";
export { type MeasuredError, type MeasuredErrors, measureErrors, type RelativeTo } from "./measure-errors.js";
export { type SoakOptions, type SoakSample, soak } from "./soak.js";
export { type Tolerance, type ToleranceName, type Tolerances, tolerances } from "./tolerances.js";
export type { Values } from "./values.js";
