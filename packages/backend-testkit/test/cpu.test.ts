import { createCpuBackend } from "@denoise-rotator/core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { coreOpTable, describeBackend, gradientCases } from "../src/index.js";

describeBackend(
  "cpu",
  createCpuBackend,
  { describe, it, beforeAll, afterAll },
  { cases: gradientCases(coreOpTable) },
);
