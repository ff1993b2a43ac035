import type { Work } from "@denoise-rotator/bench";
import {
  add,
  attention,
  cholesky,
  exp,
  gemm,
  learning,
  learningSteps,
  log,
  qr,
  rmsNorm,
  softmax,
  symmetricEigen,
  triangularInverse,
} from "@denoise-rotator/bench";
import { base, pytorch } from "../contenders/names.js";

/** A fifth of the paper's 2000, which our whole learning stage is to be faster than. */
export const fifthOfPaperSteps = 400;

const million = 1024 * 1024;

/** Products square and in the shapes of language models, elementwise functions, dispatch, attention. */
export const kernelWorks = (quick: boolean): Work[] =>
  quick
    ? [gemm(512, 512, 512), exp(million), softmax(1024, 1024), add(1024)]
    : [
        ...[256, 512, 768, 1024, 1536, 2048].map((n) => gemm(n, n, n)),
        gemm(2048, 1536, 576), // SmolLM2-135M: gate of 2048 tokens
        gemm(2048, 576, 1536), // its down
        gemm(2048, 5632, 2048), // TinyLlama-1.1B: gate
        gemm(64, 2048, 2048), // few tokens
        gemm(256, 256, 64, 32), // q·kᵀ of 32 heads
        exp(million),
        log(million),
        softmax(1024, 1024),
        rmsNorm(2048, 2048),
        attention(9, 2048, 64),
        add(1024),
      ];

export const linalgWorks = (quick: boolean): Work[] =>
  quick
    ? [cholesky(576), qr(256), symmetricEigen(128), triangularInverse(576)]
    : [
        cholesky(576),
        cholesky(1536),
        qr(576),
        triangularInverse(576),
        triangularInverse(1536),
        symmetricEigen(512),
        symmetricEigen(1024),
        symmetricEigen(2048),
      ];

/** Learning a block's rotations; `full` takes all of what is a fifth of the paper's steps, otherwise a tenth of that. */
export const solverWorks = (quick: boolean, full: boolean): Work[] =>
  (quick ? (["tiny-llama"] as const) : (["tiny-llama", "smollm2-135m"] as const)).flatMap((name) => [
    learningSteps(name, 10),
    learning(name, full ? fifthOfPaperSteps : fifthOfPaperSteps / 10),
  ]);

export type WorkSuite = "kernels" | "linalg" | "solver";

export const suiteWorks: Readonly<Record<WorkSuite, (quick: boolean, full: boolean) => Work[]>> = {
  kernels: kernelWorks,
  linalg: linalgWorks,
  solver: solverWorks,
};

const ours = [base, `${base}-turbo`];

/** Who takes part in a suite, and `pytorch` in each. */
export const suiteContenders: Readonly<Record<WorkSuite, readonly string[]>> = {
  kernels: [
    ...[...ours, "tfjs-wasm", "tfjs-cpu", "jax-js", "onnxruntime-web", "onnxruntime-node"],
    ...["ml-matrix", "naive-js", pytorch],
  ],
  linalg: [...ours, "tfjs-wasm", "jax-js", "ml-matrix", pytorch],
  solver: [...ours, `${base}-fast`, `${base}-paper`, pytorch],
};
