import type { DenseSample } from "@denoise-rotator/contracts";
import { type Tensor, tidy } from "@denoise-rotator/core";
import { type Layer, outputRows } from "./block-forward.js";
import type { Streams } from "./group-statistics.js";

/** How outputs leave a block. */
interface Exit {
  /** Whether a final norm follows. */
  readonly normalised: boolean;
  /** Output map V `[hidden, hidden]`, behind the norm. */
  readonly map: Tensor | undefined;
}

/** The named windows in both streams; `streams` end before the output map. The caller disposes. */
export function denseSample(
  { stream, dense, tables }: Streams & { readonly dense: NonNullable<Streams["dense"]> },
  windows: readonly number[],
  { normalised, map }: Exit,
): DenseSample {
  const device = tables.cosine.backend;
  const target = tidy(() => {
    const x = dense.activations.uploadWindows(device, windows);
    return outputRows(dense.parts, x, tables, normalised);
  });
  const inputs = stream.activations.uploadWindows(device, windows);
  const dispose = () => {
    inputs.dispose();
    target.dispose();
  };
  return {
    target,
    forward: (weights, outputMap = map) =>
      tidy(() => {
        const site = (role: Parameters<typeof stream.parts.site>[0]): Layer => {
          const { weight, bias } = stream.parts.site(role);
          return { weight: weights.get(role) ?? weight, bias };
        };
        const rows = outputRows({ ...stream.parts, site }, inputs, tables, normalised);
        return outputMap ? rows.matmul(outputMap.transpose()) : rows;
      }),
    dispose,
    [Symbol.dispose]: dispose,
  };
}
