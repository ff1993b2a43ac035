import type { DecoderBlock, InputDrift, SiteStatistics } from "@denoise-rotator/contracts";
import { NonFiniteError, OptionError, Random, type Tensor, tidy } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { transport } from "../src/index.js";
import { backend, numbers } from "./layers.js";

const width = 6;

/** A block of which transport needs outputs and a place for a map: Y `[width, tokens]`, Y′ being A·Y and noise. */
function outputBlock(noise: number) {
  const random = new Random(4);
  const normal = (shape: number[]) => random.normal(shape, { dtype: "f64", backend });
  const y = normal([width, 40]);
  const A = tidy(() => normal([width, width]).mul(0.1).add(1));
  const dense = tidy(() => A.matmul(y).add(normal([width, 40]).mul(noise)));
  const block = {
    name: "block.3",
    hiddenSize: width,
    map: undefined as Tensor | undefined,
    captureOutputs: async (): Promise<SiteStatistics> =>
      tidy(() => ({
        gram: y.matmul(y.transpose()),
        tokens: 40,
        drift: { inputs: dense.sub(y).matmul(y.transpose()), residual: undefined },
      })),
    setOutputMap(V: Tensor | undefined) {
      block.map?.dispose();
      block.map = V;
    },
  };
  return { block, as: block as unknown as DecoderBlock, y, dense, A };
}

const sumOfSquares = async (make: () => Tensor): Promise<number> => {
  using total = tidy(() => make().square().sum());
  return (await numbers(total))[0]!;
};

describe("transport", () => {
  it("should find the map that was, where there is one", async () => {
    const { block, as, A, y } = outputBlock(0);
    const { shift } = await transport(as, { damping: 1e-12 });
    const [V, expected] = [await numbers(block.map!), await numbers(A)];
    V.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 8);
    });
    const [moved, all] = [await sumOfSquares(() => A.matmul(y).sub(y)), await sumOfSquares(() => y)];
    expect(shift).toBeCloseTo(moved / all, 6);
  });

  it("should bring outputs closer to the dense ones, and leave only the map behind", async () => {
    const { block, as, y, dense } = outputBlock(0.5);
    const before = backend.capabilities.allocatedBytes();
    await transport(as);
    expect(backend.capabilities.allocatedBytes() - before).toBe(width * width * 8);
    const [with_, without] = [
      await sumOfSquares(() => block.map!.matmul(y).sub(dense)),
      await sumOfSquares(() => y.sub(dense)),
    ];
    expect(with_).toBeLessThan(0.9 * without);
    block.setOutputMap(undefined);
    expect(backend.capabilities.allocatedBytes()).toBe(before);
  });

  it("should name the block without a place for the map, without drift, or with bad statistics", async () => {
    const { block } = outputBlock(0.5);
    await expect(transport({ ...block, setOutputMap: undefined } as never)).rejects.toThrow(
      /block\.3 has no place/,
    );
    const without = async () => ({ gram: (await block.captureOutputs()).gram, tokens: 40 });
    await expect(transport({ ...block, captureOutputs: without } as never)).rejects.toThrow(OptionError);
    const bad = async () => {
      const { gram, tokens, drift } = await block.captureOutputs();
      return {
        gram,
        tokens,
        drift: { inputs: (drift as InputDrift).inputs.mul(Number.NaN), residual: undefined },
      };
    };
    await expect(transport({ ...block, captureOutputs: bad } as never)).rejects.toThrow(NonFiniteError);
    await expect(transport({ ...block, captureOutputs: bad } as never)).rejects.toThrow(/^block\.3: the map/);
  });
});
