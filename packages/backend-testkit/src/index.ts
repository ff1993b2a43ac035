export { ConformanceError, expectClose, isClose, roundingUnit } from "./compare.js";
export { type ConformanceOptions, conformanceCases } from "./conformance.js";
export { type DescribeOptions, describeBackend, type TestRunner } from "./describe-backend.js";
export type { ConformanceCase } from "./kernel-case.js";
export { leakCheck } from "./leak-check.js";
export { type Tolerance, type ToleranceName, type Tolerances, tolerances } from "./tolerances.js";
