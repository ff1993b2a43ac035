import { conformanceCases } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, it } from "vitest";
import type { WebgpuBackend } from "../src/index.js";
import { describeOnDevice } from "./adapter.js";
import { conformanceOptions, open } from "./open.js";
import { anonymousInstance } from "./watched-instance.js";

const kernels = /^(reduce|fused (softmax|crossEntropy|rmsNorm|rowEntropy|prunedEnergy|groupEntropy))/;

describeOnDevice("kernels that go other ways on GPUs than on software adapters", () => {
  let backend: WebgpuBackend;
  beforeAll(async () => {
    backend = await open({ gpu: await anonymousInstance() });
  });
  afterAll(() => backend?.dispose());

  for (const one of conformanceCases({ ...conformanceOptions, runs: 15 })) {
    if (kernels.test(one.name)) it(`should pass: ${one.name}`, () => one.run(backend));
  }
});
