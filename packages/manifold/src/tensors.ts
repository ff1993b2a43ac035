import { item, type Tensor, tidy } from "@denoise-rotator/core";

export const disposeAll = (tensors: readonly Tensor[]): void => {
  for (const tensor of tensors) tensor.dispose();
};

/** √Σ x² over all elements of all tensors, one read. */
export async function jointNorm(tensors: readonly Tensor[]): Promise<number> {
  using squared = tidy(() => tensors.map((x) => x.square().sum()).reduce((a, b) => a.add(b)));
  return Math.sqrt(await item(squared));
}
