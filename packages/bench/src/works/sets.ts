import { OptionError } from "@denoise-rotator/core";
import type { Work, WorkKind } from "../contender.js";
import { type BlockShapeName, blockShapes, weightShapes } from "./block-shape.js";
import { decoderBlock } from "./decoder-block.js";
import { add, exp, softmax } from "./elementwise.js";
import { cholesky, qr } from "./factorisations.js";
import { gemm, linear } from "./products.js";
import { rowMax, sum } from "./reductions.js";
import { rotationStep } from "./rotation-step.js";
import { linear24 } from "./sparse-linear.js";

const square = (n: number) => gemm(n, n, n);
const thousand = 1024;
const million = thousand * thousand;

/** The distinct linear layers of a block at so many tokens, dense or by `layer` otherwise. */
export function linears(name: BlockShapeName, tokens: readonly number[], layer = linear): Work[] {
  const shapes = new Map(weightShapes(blockShapes[name]).map((shape) => [shape.join(), shape]));
  return tokens.flatMap((count) =>
    [...shapes.values()].map(([outputs, inputs]) => layer(count, outputs, inputs)),
  );
}

const sets = {
  /** Seconds, on a software adapter too: a first look. */
  quick: () => [
    square(256),
    // SmolLM2-135M's up and down at a quarter.
    ...[linear(1, 384, 144), linear(64, 384, 144), linear(64, 144, 384)],
    ...[linear24(1, 384, 144), linear24(64, 384, 144)],
    ...[add(64 * thousand), exp(64 * thousand), softmax(64, thousand)],
    ...[sum(64 * thousand), rowMax(64, thousand)],
    ...[cholesky(128), qr(96), rotationStep("small"), decoderBlock("small", 16)],
  ],
  standard: () => [
    ...[256, 512, 1024].map(square),
    ...linears("smollm2-135m", [1, 64, 512]),
    ...linears("smollm2-135m", [1, 64], linear24),
    ...[add(thousand), add(million), exp(million), softmax(1024, 1024), sum(million), rowMax(1024, 1024)],
    ...[cholesky(576), qr(256), rotationStep("tiny-llama"), decoderBlock("smollm2-135m", 64)],
  ],
  full: () => [
    ...[256, 512, 1024, 2048].map(square),
    ...linears("smollm2-135m", [1, 64, 512]),
    ...linears("smollm2-135m", [1, 64], linear24),
    ...linears("llama-1b", [1, 64, 512]),
    ...linears("llama-1b", [1, 64, 512], linear24),
    ...[add(thousand), add(million), exp(million), softmax(1024, 1024), sum(million), rowMax(1024, 1024)],
    ...[cholesky(576), cholesky(1536), qr(256), qr(576)],
    ...[rotationStep("tiny-llama"), decoderBlock("smollm2-135m", 64), decoderBlock("smollm2-135m", 512)],
  ],
} satisfies Record<string, () => Work[]>;

export type WorkSetName = keyof typeof sets;
export const workSetNames = Object.keys(sets) as WorkSetName[];

/** Kinds that occur in the sets. */
export const benchKinds = [...new Set(workSetNames.flatMap((name) => sets[name]().map(({ kind }) => kind)))];

/**
 * The works of a set; with `only`, those of these kinds or names.
 *
 * @throws OptionError for a set, kind or name that there is not.
 */
export function workSet(name: WorkSetName, only?: readonly string[]): Work[] {
  const works = sets[name]?.();
  if (!works) throw new OptionError(`set ${name}: choose one of ${workSetNames.join(", ")}`);
  if (only === undefined) return works;
  for (const wanted of only) {
    if (!benchKinds.includes(wanted as WorkKind) && !works.some((work) => work.name === wanted)) {
      throw new OptionError(
        `works ${wanted}: choose from ${benchKinds.join(", ")}, or a work by name such as ${works[0]!.name}`,
      );
    }
  }
  return works.filter((work) => only.includes(work.kind) || only.includes(work.name));
}
