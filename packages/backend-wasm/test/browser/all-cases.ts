import {
  type ConformanceCase,
  conformanceCases,
  coreOpTable,
  gradientCases,
} from "@denoise-rotator/backend-testkit";

/** The whole testkit, in the order in which page and worker number its cases. */
export const allCases = (seed: number): ConformanceCase[] => [
  ...conformanceCases({ seed }),
  ...gradientCases(coreOpTable),
];
