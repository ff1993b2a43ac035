import type { DecoderConfig, RopeScaling } from "@denoise-rotator/checkpoint";
import { type Backend, fromTyped, type Tensor } from "@denoise-rotator/core";

/** Cosines and sines of the rotary embedding, `[t, headDim/2]` each. */
export interface RopeTables {
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

type RopeConfig = Pick<DecoderConfig, "headDim" | "ropeTheta" | "ropeScaling">;

/**
 * Rotary angles per position, in radians, for each pair of coordinates. Rounded to f32 as the models were trained:
 * at position 2048 an f64 angle differs from it by up to 1e-4.
 */
export function inverseFrequencies(config: RopeConfig): Float32Array {
  const { headDim, ropeTheta, ropeScaling } = config;
  const stretch = ropeScaling ? stretched(ropeScaling, config) : (frequency: number) => frequency;
  return Float32Array.from({ length: headDim / 2 }, (_, i) =>
    stretch(Math.fround(1 / ropeTheta ** ((2 * i) / headDim)), i),
  );
}

/** What a scaling makes of the frequency of pair `i`. */
function stretched(scaling: RopeScaling, config: RopeConfig): (frequency: number, i: number) => number {
  switch (scaling.kind) {
    case "linear":
      return (frequency) => frequency / scaling.factor;
    case "dynamic":
      return (frequency) => frequency;
    case "llama3":
      return (frequency) => llama3(frequency, scaling);
    case "yarn": {
      const kept = yarnShares(scaling, config);
      return (frequency, i) => (frequency / scaling.factor) * (1 - kept(i)) + frequency * kept(i);
    }
  }
}

type Scaling<K extends RopeScaling["kind"]> = Extract<RopeScaling, { kind: K }>;

/** Llama 3.1: long wavelengths are slowed by `factor`, short ones kept, those between blended linearly in frequency. */
function llama3(frequency: number, scaling: Scaling<"llama3">): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings } = scaling;
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < originalMaxPositionEmbeddings / highFreqFactor) return frequency;
  if (wavelength > originalMaxPositionEmbeddings / lowFreqFactor) return frequency / factor;
  const kept =
    (originalMaxPositionEmbeddings / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return ((1 - kept) * frequency) / factor + kept * frequency;
}

/** YaRN (Peng et al. 2023, §3.2): how much of pair `i`'s frequency is kept, by its rotations over the original context. */
function yarnShares(scaling: Scaling<"yarn">, { headDim, ropeTheta }: RopeConfig): (i: number) => number {
  const pairAt = (rotations: number) =>
    (headDim * Math.log(scaling.originalMaxPositionEmbeddings / (rotations * 2 * Math.PI))) /
    (2 * Math.log(ropeTheta));
  const [fast, slow] = [pairAt(scaling.betaFast), pairAt(scaling.betaSlow)];
  const low = Math.max(scaling.truncate ? Math.floor(fast) : fast, 0);
  const high = Math.min(scaling.truncate ? Math.ceil(slow) : slow, headDim - 1);
  const width = high === low ? 0.001 : high - low; // as the authors' code avoids 0 / 0
  return (i) => 1 - Math.min(1, Math.max(0, (i - low) / width));
}

/** Tables for positions 0…length − 1. The caller disposes of them. */
export function ropeTables(config: RopeConfig, length: number, device: Backend): RopeTables {
  const frequencies = inverseFrequencies(config);
  const half = frequencies.length;
  const factor = config.ropeScaling?.kind === "yarn" ? config.ropeScaling.attentionFactor : 1;
  const cosine = new Float32Array(length * half);
  const sine = new Float32Array(length * half);
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]!);
      cosine[position * half + i] = factor * Math.cos(angle);
      sine[position * half + i] = factor * Math.sin(angle);
    }
  }
  const shape = [length, half];
  return { cosine: fromTyped(cosine, shape, "f32", device), sine: fromTyped(sine, shape, "f32", device) };
}

/** The tables last asked for; others replace them. Whoever holds it disposes of it. */
export class RopeTableCache {
  readonly #config: RopeConfig;
  readonly #device: Backend;
  #tables: (RopeTables & { readonly length: number }) | undefined;

  constructor(config: RopeConfig, device: Backend) {
    this.#config = config;
    this.#device = device;
  }

  /** Tables for positions 0…length − 1; they stay the cache's. */
  of(length: number): RopeTables {
    if (this.#tables?.length !== length) {
      this.dispose();
      this.#tables = { ...ropeTables(this.#config, length, this.#device), length };
    }
    return this.#tables;
  }

  dispose(): void {
    this.#tables?.cosine.dispose();
    this.#tables?.sine.dispose();
    this.#tables = undefined;
  }
}
