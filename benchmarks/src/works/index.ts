import type { WorkKind } from "../harness/contender.js";
import type { WorkCheck } from "../harness/harness.js";
import { addCheck, expCheck, logCheck, rmsNormCheck, softmaxCheck } from "./elementwise.js";
import { choleskyCheck, qrCheck, symmetricEigenCheck, triangularInverseCheck } from "./factorisations.js";
import { learningCheck } from "./learning.js";
import { attentionCheck, gemmCheck } from "./products.js";

/** Inputs and verification of every kind of work. */
export const workChecks: Readonly<Record<WorkKind, WorkCheck>> = {
  gemm: gemmCheck,
  attention: attentionCheck,
  exp: expCheck,
  log: logCheck,
  softmax: softmaxCheck,
  add: addCheck,
  rmsNorm: rmsNormCheck,
  cholesky: choleskyCheck,
  qr: qrCheck,
  symmetricEigen: symmetricEigenCheck,
  triangularInverse: triangularInverseCheck,
  learning: learningCheck,
  learningSteps: learningCheck,
};
