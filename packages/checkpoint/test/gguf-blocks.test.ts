import { fileURLToPath } from "node:url";
import { fileSource } from "@denoise-rotator/hub";
import { beforeAll, describe, expect, it } from "vitest";
import { blockSizes, dequantize, ggufTypes, openSafetensors, type SafetensorsFile } from "../src/index.js";

const goldens = fileURLToPath(new URL("../../../goldens/gguf/blocks.safetensors", import.meta.url));
let file: SafetensorsFile;
beforeAll(async () => {
  file = await openSafetensors(await fileSource(goldens));
  return () => file.close();
});

describe("dequantize", () => {
  it.each(ggufTypes)("should give the bits that the gguf package gives: %s", async (type) => {
    const { bytes } = await file.read(`${type}.bytes`);
    const expected = new Uint32Array((await file.read(`${type}.values`)).bytes.buffer);
    const values = dequantize(type, bytes);
    expect(values.length).toBe(expected.length);
    expect(values.length).toBe((bytes.length / blockSizes[type].bytes) * blockSizes[type].values);
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const floats = new Float32Array(expected.buffer);
    // The payload of a NaN is the processor's.
    const wrong = floats.findIndex((value, i) =>
      Number.isNaN(value) ? !Number.isNaN(values[i]!) : bits[i] !== expected[i],
    );
    expect(wrong < 0 ? "none" : `value ${wrong}: ${values[wrong]}, expected ${floats[wrong]}`).toBe("none");
    // The goldens hold what can go wrong.
    for (const edge of [0, Number.POSITIVE_INFINITY]) {
      expect(floats.some((value) => Object.is(value, edge))).toBe(true);
    }
  });
});
