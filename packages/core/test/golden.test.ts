import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as core from "../src/index.js";
import { fromArray, type Tensor, tidy, valueAndGrad } from "../src/index.js";

interface Stored {
  readonly shape: number[];
  readonly data: number[];
}
interface Case {
  readonly op: string;
  readonly options: { axis?: number | number[]; keepdim?: boolean; eps?: number; causal?: boolean };
  readonly inputs: Record<string, Stored>;
  readonly constants: Record<string, Stored>;
  readonly output: Stored;
  readonly cotangent: Stored;
  readonly gradients: Record<string, Stored>;
  readonly directions: Record<string, Stored>;
  readonly secondGradients: Record<string, Stored>;
}

const read = (file: string) =>
  JSON.parse(readFileSync(new URL(`../../../goldens/core/${file}`, import.meta.url), "utf8"));
const load = ({ data, shape }: Stored, dtype: "f64" | "i32" = "f64"): Tensor =>
  fromArray(data, shape, { dtype });

/** Softmax and its kin act on the last axis: another one is brought there. */
const alongAxis = (f: (x: Tensor) => Tensor, drops: boolean) => (x: Tensor, axis: number) => {
  const at = axis < 0 ? axis + x.rank : axis;
  const y = f(x.transpose(at, -1));
  return drops ? y.unsqueeze(-1).transpose(at, -1).squeeze(at) : y.transpose(at, -1);
};

function apply({ op, options, constants }: Case, inputs: readonly Tensor[]): Tensor {
  const [x, y, z] = inputs as [Tensor, Tensor, Tensor];
  const axis = options.axis as number;
  switch (op) {
    case "softmax":
    case "logSoftmax":
      return alongAxis(core[op], false)(x, axis);
    case "logSumExp":
      return alongAxis(core.logSumExp, true)(x, axis);
    case "sum":
    case "mean":
    case "max":
    case "min": {
      const keepDims = options.keepdim ?? false;
      return core[op](
        x,
        options.axis === undefined || options.axis === null ? { keepDims } : { axis: options.axis, keepDims },
      );
    }
    case "rmsNorm":
      return core.rmsNorm(x, y, options.eps!);
    case "rope":
      return core.rope(x, load(constants.cos!), load(constants.sin!));
    case "attention":
      return core.attention(x, y, z, { causal: options.causal ?? true });
    case "crossEntropy":
      return core.crossEntropy(x, load(constants.targets!, "i32"));
    default: {
      const f = core[op as "add"] as (...args: Tensor[]) => Tensor;
      return f(...inputs);
    }
  }
}

async function expectClose(actual: Tensor, expected: Stored, what: string): Promise<void> {
  expect(actual.shape, what).toEqual(expected.shape);
  const values = await actual.read();
  expected.data.forEach((value, i) => {
    const tolerance = 1e-11 * Math.max(1, Math.abs(value));
    expect(Math.abs(values[i]! - value), `${what}[${i}] = ${values[i]} for ${value}`).toBeLessThan(tolerance);
  });
}

for (const file of ["unary.json", "binary.json", "reduce.json", "network.json"]) {
  describe(`goldens of PyTorch: ${file}`, () => {
    (read(file).cases as Case[]).forEach((golden, index) => {
      it(`should match ${golden.op} #${index}: value, gradient, second gradient`, async () => {
        const names = Object.keys(golden.inputs);
        const inputs = names.map((name) => load(golden.inputs[name]!));
        const cotangent = load(golden.cotangent);
        const weighted = (...args: Tensor[]) => apply(golden, args).mul(cotangent).sum();
        const slope = (...args: Tensor[]) => {
          const { grads } = valueAndGrad(weighted)(...args);
          return grads
            .map((g, i) => g.mul(load(golden.directions[names[i]!]!)).sum())
            .reduce((a, b) => a.add(b));
        };

        await expectClose(
          tidy(() => apply(golden, inputs)),
          golden.output,
          "output",
        );
        const first = valueAndGrad(weighted)(...inputs).grads;
        const second = valueAndGrad(slope)(...inputs).grads;
        for (const [i, name] of names.entries()) {
          await expectClose(first[i]!, golden.gradients[name]!, `gradient of ${name}`);
          await expectClose(second[i]!, golden.secondGradients[name]!, `second gradient of ${name}`);
        }
      });
    });
  });
}

describe("ten steps of Adam", () => {
  it("should follow PyTorch's loss curve", async () => {
    const golden = read("adam.json");
    const [x, y] = [load(golden.x), load(golden.y)];
    const names = ["w1", "b1", "w2", "b2"];
    const { lr, beta1, beta2, eps } = golden.options;
    let parameters = names.map((name) => load(golden.initial[name]));
    let first = parameters.map((p) => p.mul(0));
    let second = parameters.map((p) => p.mul(0));
    const loss = (w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) =>
      x.matmul(w1.transpose()).add(b1).tanh().matmul(w2.transpose()).add(b2).sub(y).square().mean();
    for (let t = 1; t <= 10; t++) {
      const { value, grads } = valueAndGrad(loss as (...args: Tensor[]) => Tensor)(...parameters);
      expect(await core.item(value)).toBeCloseTo(golden.losses[t - 1], 11);
      first = first.map((m, i) => m.mul(beta1).add(grads[i]!.mul(1 - beta1)));
      second = second.map((v, i) => v.mul(beta2).add(grads[i]!.square().mul(1 - beta2)));
      parameters = parameters.map((p, i) => {
        const root = second[i]!.div(1 - beta2 ** t)
          .sqrt()
          .add(eps);
        return p.sub(
          first[i]!.div(1 - beta1 ** t)
            .div(root)
            .mul(lr),
        );
      });
    }
    for (const [i, name] of names.entries()) await expectClose(parameters[i]!, golden.final[name], name);
  });
});
