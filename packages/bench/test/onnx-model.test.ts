import * as runtime from "onnxruntime-web";
import { describe, expect, it } from "vitest";
import { onnxModel } from "../src/contenders/onnx-model.js";

describe("onnxModel", () => {
  it("should be read and run by ONNX Runtime, attributes included", async () => {
    const model = onnxModel({
      operator: "RMSNormalization",
      inputs: [[1, 2], [2]],
      output: [1, 2],
      attributes: { axis: -1, epsilon: { float: 11.5 } },
    });
    const session = await runtime.InferenceSession.create(model);
    const x = new runtime.Tensor("float32", Float32Array.of(3, 4), [1, 2]);
    const gain = new runtime.Tensor("float32", Float32Array.of(1, 2), [2]);
    const { y } = await session.run({ x0: x, x1: gain });
    // Root of (9 + 16) / 2 + 11.5.
    const root = Math.sqrt(24);
    expect(y!.data[0]).toBeCloseTo(3 / root, 6);
    expect(y!.data[1]).toBeCloseTo(8 / root, 6);
  });
});
