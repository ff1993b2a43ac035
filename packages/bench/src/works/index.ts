import type { WorkCheck, WorkKind } from "../contender.js";
import { decoderBlockCheck } from "./decoder-block.js";
import { addCheck, expCheck, logCheck, rmsNormCheck, softmaxCheck } from "./elementwise.js";
import { choleskyCheck, qrCheck, symmetricEigenCheck, triangularInverseCheck } from "./factorisations.js";
import { learningCheck } from "./learning.js";
import { attentionCheck, gemmCheck, linearCheck } from "./products.js";
import { rowMaxCheck, sumCheck } from "./reductions.js";
import { rotationStepCheck } from "./rotation-step.js";
import { linear24Check } from "./sparse-linear.js";

/** Inputs and verification of every kind of work. */
export const workChecks: Readonly<Record<WorkKind, WorkCheck>> = {
  gemm: gemmCheck,
  linear: linearCheck,
  linear24: linear24Check,
  attention: attentionCheck,
  exp: expCheck,
  log: logCheck,
  softmax: softmaxCheck,
  add: addCheck,
  rmsNorm: rmsNormCheck,
  sum: sumCheck,
  rowMax: rowMaxCheck,
  cholesky: choleskyCheck,
  qr: qrCheck,
  symmetricEigen: symmetricEigenCheck,
  triangularInverse: triangularInverseCheck,
  rotationStep: rotationStepCheck,
  decoderBlock: decoderBlockCheck,
  learning: learningCheck,
  learningSteps: learningCheck,
};
