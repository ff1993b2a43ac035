import {
  workChecks as generalChecks,
  learningCheck as onRandom,
  type WorkCheck,
  type WorkKind,
} from "@denoise-rotator/bench";

/** Of the embedded model's first block where the work is named after it, else of a random one. */
const learningCheck: WorkCheck = {
  ...onRandom,
  inputs: async (work) =>
    work.name.endsWith("tiny-llama")
      ? (await import("./embedded-block.js")).embeddedBlock()
      : onRandom.inputs(work),
};

/** Inputs and verification of every kind of work. */
export const workChecks: Readonly<Record<WorkKind, WorkCheck>> = {
  ...generalChecks,
  learning: learningCheck,
  learningSteps: learningCheck,
};
