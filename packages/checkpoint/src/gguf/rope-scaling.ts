import { CheckpointError } from "../errors.js";

/** Below this wavelength / above that one, in units of the original context: what every Llama 3.1 to 3.3 has. */
const lowFreqFactor = 1;
const highFreqFactor = 4;

/** Relative difference that f32 rounding of the factors explains. */
const tolerance = 1e-4;

export interface RopeFactorsSource {
  /** What errors call the file. */
  readonly file: string;
  readonly headDim: number;
  readonly ropeTheta: number;
}

/**
 * `rope_scaling` of `config.json` from the tensor `rope_freqs.weight`, in which GGUF keeps the factor of every rotary
 * wavelength instead of the numbers it came from. Undefined where all are 1.
 *
 * A wavelength λ between C/4 and C, C being the original context, has the factor 1 / ((1 − s)/F + s) with
 * s = (C/λ − 1) / 3, so any such λ gives C. All factors are then checked against the result.
 *
 * @throws {CheckpointError} `UNSUPPORTED_MODEL` where they are not of this form.
 */
export function llama3Scaling(
  factors: ArrayLike<number>,
  { file, headDim, ropeTheta }: RopeFactorsSource,
): Record<string, unknown> | undefined {
  const list = Array.from(factors);
  const factor = Math.max(...list.slice(0, headDim));
  if (list.length === headDim / 2 && list.every((value) => value === 1)) return undefined;
  const wavelengths = list.map((_, i) => 2 * Math.PI * ropeTheta ** ((2 * i) / headDim));
  const between = list.findIndex((value) => value > 1 + tolerance && value < factor * (1 - tolerance));
  const blend = (value: number) => (1 / value - 1 / factor) / (1 - 1 / factor);
  const context = Math.round(
    (wavelengths[between] ?? Number.NaN) *
      (lowFreqFactor + blend(list[between] ?? 0) * (highFreqFactor - lowFreqFactor)),
  );
  const expected = wavelengths.map((wavelength) => {
    const s = (context / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    const clamped = Math.min(1, Math.max(0, s));
    return 1 / ((1 - clamped) / factor + clamped);
  });
  const explained = list.every((value, i) => Math.abs(value / expected[i]! - 1) < tolerance);
  if (list.length !== headDim / 2 || !(context > 0) || !explained) {
    throw new CheckpointError(
      "UNSUPPORTED_MODEL",
      `${file}: rope_freqs.weight does not hold the factors of Llama 3's scaling; use the model's safetensors`,
    );
  }
  return {
    rope_type: "llama3",
    factor: Math.fround(factor) === Math.fround(Math.round(factor)) ? Math.round(factor) : factor,
    low_freq_factor: lowFreqFactor,
    high_freq_factor: highFreqFactor,
    original_max_position_embeddings: context,
  };
}
