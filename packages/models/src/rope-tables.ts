import type { LlamaConfig, RopeScaling } from "@denoise-rotator/checkpoint";
import { type Backend, fromTyped, type Tensor } from "@denoise-rotator/core";

/** Cosines and sines of the rotary embedding, `[t, headDim/2]` each. */
export interface RopeTables {
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

type RopeConfig = Pick<LlamaConfig, "headDim" | "ropeTheta" | "ropeScaling">;

/**
 * Rotary angles per position, in radians, for each pair of coordinates. Rounded to f32 as the models were trained:
 * at position 2048 an f64 angle differs from it by up to 1e-4.
 */
export function inverseFrequencies({ headDim, ropeTheta, ropeScaling }: RopeConfig): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, i) =>
    scaled(Math.fround(1 / ropeTheta ** ((2 * i) / headDim)), ropeScaling),
  );
}

/** Llama 3.1: long wavelengths are slowed by `factor`, short ones kept, those between blended linearly in frequency. */
function scaled(frequency: number, scaling: RopeScaling | undefined): number {
  if (!scaling) return frequency;
  if (scaling.kind === "linear") return frequency / scaling.factor;
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings } = scaling;
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < originalMaxPositionEmbeddings / highFreqFactor) return frequency;
  if (wavelength > originalMaxPositionEmbeddings / lowFreqFactor) return frequency / factor;
  const kept =
    (originalMaxPositionEmbeddings / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return ((1 - kept) * frequency) / factor + kept * frequency;
}

/** Tables for positions 0…length − 1. The caller disposes of them. */
export function ropeTables(config: RopeConfig, length: number, device: Backend): RopeTables {
  const frequencies = inverseFrequencies(config);
  const half = frequencies.length;
  const cosine = new Float32Array(length * half);
  const sine = new Float32Array(length * half);
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]!);
      cosine[position * half + i] = Math.cos(angle);
      sine[position * half + i] = Math.sin(angle);
    }
  }
  const shape = [length, half];
  return { cosine: fromTyped(cosine, shape, "f32", device), sine: fromTyped(sine, shape, "f32", device) };
}
