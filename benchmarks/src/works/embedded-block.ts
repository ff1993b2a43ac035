import { wasm } from "@denoise-rotator/backend-wasm";
import type { Dense } from "@denoise-rotator/bench";
import { statisticsRoles } from "@denoise-rotator/bench";
import { requireStatistics, siteOf, siteRoles } from "@denoise-rotator/contracts";
import type { Tensor } from "@denoise-rotator/core";
import { calibrate, openModel } from "@denoise-rotator/models";
import { calibrationWindows, modelDirectory } from "@denoise-rotator/tiny-llama";

/** Folded weights and H of the embedded model's first block, over the protocol's calibration. */
export async function embeddedBlock(): Promise<Dense[]> {
  await using device = await wasm();
  await using model = await openModel(modelDirectory, { device });
  const tokenizer = await model.tokenizer;
  const windows = await calibrationWindows((text) => tokenizer.encode(text));
  for await (const block of calibrate(model, windows, { rotated: true })) {
    await block.foldNorms();
    await block.capture();
    const weights = siteRoles.map((role) => siteOf(block, role).weight);
    const grams = statisticsRoles.map((role) => requireStatistics(siteOf(block, role)).gram);
    return Promise.all([...weights, ...grams].map(toDense));
  }
  throw new Error("the embedded model has no blocks");
}

const toDense = async (tensor: Tensor): Promise<Dense> => ({
  shape: [...tensor.shape],
  data: Float32Array.from((await tensor.read()) as Float32Array),
});
