import { readFileSync } from "node:fs";
import { type DecoderBlock, type DenseSample, Site, type SiteRole } from "@denoise-rotator/contracts";
import {
  fromArray,
  OptionError,
  Random,
  type Tensor,
  tidy,
  valueAndGrad,
  where,
} from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { Adam } from "../src/adam.js";
import { type ReconstructOptions, reconstructBlock } from "../src/index.js";
import { backend, numbers } from "./layers.js";

const [hidden, inner, tokens, windows] = [6, 8, 5, 6];

/** y = x + down·tanh(up·x) with half of each weight pruned, beside its dense form. */
function prunedBlock(options: { poisoned?: boolean } = {}) {
  const random = new Random(3);
  const normal = (...shape: number[]) => random.normal(shape, { backend });
  const dense = { upProj: normal(inner, hidden), downProj: normal(hidden, inner) };
  const inputs = Array.from({ length: windows }, () => normal(tokens, hidden));
  const sites = (["upProj", "downProj"] as const).map((role) => {
    const weight = dense[role];
    const keep = fromArray(
      Float32Array.from({ length: weight.size }, (_, i) => i % 2),
      weight.shape,
      { backend },
    );
    return new Site({ name: `block.0.${role}`, role, weight: tidy(() => where(keep.greater(0), weight, 0)) });
  });
  const run = (x: Tensor, up: Tensor, down: Tensor) =>
    tidy(() => x.add(x.matmul(up.transpose()).tanh().matmul(down.transpose())));
  let map: Tensor | undefined;
  const block = {
    name: "block.0",
    hiddenSize: hidden,
    sites,
    get outputMap() {
      return map;
    },
    setOutputMap(V: Tensor) {
      map?.dispose();
      map = V;
    },
    windowCount: windows,
    sampleDense(chosen: readonly number[]): DenseSample {
      const x = tidy(() => chosen.map((i) => inputs[i]!).reduce((a, b) => a.add(b)));
      const target = run(x, dense.upProj, dense.downProj);
      const dispose = () => {
        x.dispose();
        target.dispose();
      };
      const weightOf = (weights: ReadonlyMap<SiteRole, Tensor>, i: number) =>
        weights.get(sites[i]!.role) ?? sites[i]!.weight;
      return {
        target,
        forward: (weights, outputMap = map) => {
          const raw = run(x, weightOf(weights, 0), weightOf(weights, 1));
          const y = outputMap ? tidy(() => raw.matmul(outputMap.transpose())) : raw;
          return options.poisoned ? tidy(() => y.div(0)) : y;
        },
        dispose,
        [Symbol.dispose]: dispose,
      };
    },
  };
  const dispose = () => {
    for (const x of [...sites, ...inputs, ...Object.values(dense)]) x.dispose();
    map?.dispose();
  };
  return { block: block as unknown as DecoderBlock, sites, dispose, [Symbol.dispose]: dispose };
}

const roles: SiteRole[] = ["upProj", "downProj"];
const settings = { roles, steps: 60, learningRate: 0.02, batch: 4 };

describe("reconstructBlock", () => {
  it("should bring the outputs closer to the dense block's and keep the masks", async () => {
    using fixture = prunedBlock();
    const losses: number[] = [];
    const report = await reconstructBlock(fixture.block, {
      ...settings,
      onStep: ({ loss }) => losses.push(loss),
    });
    expect(losses).toHaveLength(60);
    expect(report.after).toBeLessThan(0.6 * report.before);
    for (const { weight } of fixture.sites) {
      (await numbers(weight)).forEach((value, i) => {
        if (i % 2) expect(value).not.toBe(0);
        else expect(Object.is(value, 0)).toBe(true);
      });
    }
  });

  it("should do better where it learns the output map too", async () => {
    const after = async (options: ReconstructOptions) => {
      using fixture = prunedBlock();
      const report = await reconstructBlock(fixture.block, { ...settings, ...options });
      expect(fixture.block.outputMap !== undefined).toBe(options.outputMap === true);
      return report.after / report.before;
    };
    expect(await after({ outputMap: true })).toBeLessThan(await after({}));
  });

  it("should give the same bytes for a seed and others for another", async () => {
    const learned = async (seed: number) => {
      using fixture = prunedBlock();
      await reconstructBlock(fixture.block, { ...settings, steps: 8, seed });
      return numbers(fixture.sites[0]!.weight);
    };
    expect(await learned(1)).toEqual(await learned(1));
    expect(await learned(1)).not.toEqual(await learned(2));
  });

  it("should leave the weights as they are where learning does not help", async () => {
    using fixture = prunedBlock();
    const before = await numbers(fixture.sites[1]!.weight);
    const report = await reconstructBlock(fixture.block, { ...settings, learningRate: 1e3, steps: 3 });
    expect(report.after).toBe(report.before);
    expect(await numbers(fixture.sites[1]!.weight)).toEqual(before);
  });

  it("should leave no tensor behind, also where it fails", async () => {
    using fixture = prunedBlock();
    const bytes = () => backend.capabilities.allocatedBytes();
    const start = bytes();
    await reconstructBlock(fixture.block, { ...settings, steps: 4 });
    expect(bytes()).toBe(start);
    const abort = new AbortController();
    const onStep = () => abort.abort(new Error("enough"));
    const interrupted = reconstructBlock(fixture.block, { ...settings, signal: abort.signal, onStep });
    await expect(interrupted).rejects.toThrow("enough");
    expect(bytes()).toBe(start);
  });

  it("should name the block whose loss is not finite", async () => {
    using fixture = prunedBlock({ poisoned: true });
    await expect(reconstructBlock(fixture.block, settings)).rejects.toThrow(
      /block\.0: the reconstruction loss is (NaN|Infinity)/,
    );
  });

  it("should refuse options out of range and blocks without a dense stream", async () => {
    using fixture = prunedBlock();
    for (const wrong of [{ steps: -1 }, { batch: 0 }, { learningRate: 0 }, { learningRate: Number.NaN }]) {
      await expect(reconstructBlock(fixture.block, wrong)).rejects.toThrow(OptionError);
    }
    const blind = { name: "block.9", sites: [] } as unknown as DecoderBlock;
    await expect(reconstructBlock(blind)).rejects.toThrow(/block\.9 cannot be reconstructed/);
  });
});

describe("Adam", () => {
  it("should follow PyTorch's ten steps", async () => {
    type Array2 = { shape: number[]; data: number[] };
    const golden = JSON.parse(
      readFileSync(new URL("../../../goldens/core/adam.json", import.meta.url), "utf8"),
    ) as { options: { lr: number; beta1: number; beta2: number }; x: Array2; y: Array2 } & Record<
      "initial" | "final",
      Record<"w1" | "b1" | "w2" | "b2", Array2>
    >;
    const load = ({ shape, data }: Array2) => fromArray(data, shape, { dtype: "f64", backend });
    const [x, y] = [load(golden.x), load(golden.y)];
    const loss = (w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) => {
      const layer = x.matmul(w1.transpose()).add(b1).tanh();
      return layer.matmul(w2.transpose()).add(b2).sub(y).square().mean();
    };
    const { w1, b1, w2, b2 } = golden.initial;
    const { lr, beta1, beta2 } = golden.options;
    const adam = new Adam({ learningRate: lr, beta1, beta2 });
    let parameters = [w1, b1, w2, b2].map(load);
    for (let step = 0; step < 10; step++) {
      const { grads } = valueAndGrad(loss as (...args: Tensor[]) => Tensor)(...parameters);
      parameters = adam.step(parameters, grads, 1);
    }
    for (const [i, name] of (["w1", "b1", "w2", "b2"] as const).entries()) {
      const expected = golden.final[name].data;
      for (const [j, value] of (await numbers(parameters[i]!)).entries()) {
        expect(value).toBeCloseTo(expected[j]!, 5);
      }
    }
    adam.dispose();
  });
});
