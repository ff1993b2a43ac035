import { createCpuBackend, fromTyped } from "@denoise-rotator/core";
import type { Dense, Work, WorkCheck } from "../contender.js";
import { type BlockShapeName, blockShapes, shapeOfSizes, weightShapes } from "./block-shape.js";
import { decoderBlockForward } from "./decoder-block-forward.js";
import { Distance } from "./products.js";
import { uniform } from "./random.js";

/** One Llama block forward over `tokens` rows of one sequence: norms, rotary positions, grouped attention, SwiGLU. */
export function decoderBlock(name: BlockShapeName, tokens: number): Work {
  const { hidden, heads, keyValueHeads, headDim, intermediate } = blockShapes[name];
  const weights = weightShapes(blockShapes[name]).reduce((sum, [out, input]) => sum + out * input, 0);
  return {
    name: `decoderBlock-${name}-${tokens}`,
    kind: "decoderBlock",
    sizes: [hidden, heads, keyValueHeads, headDim, intermediate, tokens],
    flops: 2 * tokens * weights + 2 * heads * tokens * (tokens + 1) * headDim,
    bytes: 4 * (weights + 2 * tokens * hidden),
  };
}

/**
 * Inputs: x `[1, tokens, hidden]`, gains of both norms `[hidden]`, cosines and sines of the positions `[tokens, dim/2]`, the
 * weights in the order of `siteRoles`. Error: ‖y − y₆₄‖_F / ‖y₆₄‖_F against the same block on the cpu backend in f64.
 */
export const decoderBlockCheck: WorkCheck = {
  inputs({ sizes }) {
    const shape = shapeOfSizes(sizes);
    const tokens = sizes[5]!;
    const gain = (seed: number): Dense => {
      const dense = uniform([shape.hidden], seed);
      for (let i = 0; i < dense.data.length; i++) dense.data[i]! += 1;
      return dense;
    };
    const weights = weightShapes(shape).map((each, i) => {
      const dense = uniform(each, i + 4);
      // Outputs of the size of the inputs.
      const scale = Math.sqrt(12 / each[1]);
      for (let j = 0; j < dense.data.length; j++) dense.data[j]! *= scale;
      return dense;
    });
    return [
      ...[uniform([1, tokens, shape.hidden], 1), gain(2), gain(3)],
      ...rotaryTables(tokens, shape.headDim),
      ...weights,
    ];
  },
  async error({ sizes }, inputs, [y]) {
    const distance = new Distance();
    distance.add(y!.data, await reference(inputs, sizes));
    return distance.relative;
  },
  tolerance: 1e-4,
};

const references = new WeakMap<readonly Dense[], Promise<Float64Array>>();

/** Computed once for the inputs of a work, whoever is checked. */
function reference(inputs: readonly Dense[], sizes: readonly number[]): Promise<Float64Array> {
  const known = references.get(inputs) ?? compute();
  references.set(inputs, known);
  return known;

  async function compute(): Promise<Float64Array> {
    const backend = createCpuBackend();
    const operands = inputs.map(({ data, shape }) =>
      fromTyped(Float64Array.from(data), shape, "f64", backend),
    );
    const out = decoderBlockForward(operands, shapeOfSizes(sizes));
    const values = (await out.read()) as Float64Array;
    for (const tensor of [out, ...operands]) tensor.dispose();
    return values;
  }
}

/** Llama's, with base 10,000. */
function rotaryTables(tokens: number, headDim: number): Dense[] {
  const half = headDim / 2;
  const table = (f: (angle: number) => number): Dense => ({
    shape: [tokens, half],
    data: Float32Array.from({ length: tokens * half }, (_, i) =>
      f(Math.floor(i / half) / 10_000 ** ((i % half) / half)),
    ),
  });
  return [table(Math.cos), table(Math.sin)];
}
