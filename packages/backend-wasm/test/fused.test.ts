import {
  attention,
  crossEntropy,
  defaultBackend,
  entropy,
  fromArray,
  rmsNorm,
  rope,
  softmax,
  swiglu,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import { beforeAll, describe, expect, it } from "vitest";
import { type WasmBackend, wasm } from "../src/index.js";
import { expectClose, normals } from "./support.js";

let backend: WasmBackend;
beforeAll(async () => {
  backend = await wasm();
});

interface Input {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly integers?: boolean;
  /** Swaps two axes after creation, so that the operand is a strided view. */
  readonly swap?: readonly [number, number];
}

const random = (shape: readonly number[], seed: number, scale = 1, more: Partial<Input> = {}): Input => ({
  shape,
  values: normals(
    shape.reduce((size, dim) => size * dim, 1),
    seed,
  ).map((x) => scale * x),
  ...more,
});

/** The same computation composed in f64 on the cpu backend and fused in f32 on wasm. */
function compare(inputs: readonly Input[], compute: (...tensors: Tensor[]) => Tensor, absolute = 2e-6): void {
  const [expected, actual] = (["f64", "f32"] as const).map((dtype) => {
    const on = dtype === "f64" ? defaultBackend() : backend;
    return tidy(() => {
      const tensors = inputs.map(({ shape, values, integers, swap }) => {
        const rounded = integers ? values : values.map(Math.fround);
        const made = fromArray(rounded, shape, { dtype: integers ? "i32" : dtype, backend: on });
        return swap ? made.transpose(...swap) : made;
      });
      return [...compute(...tensors).readSync()];
    });
  });
  expectClose({ expected: expected!, actual: actual! }, { relative: 2e-6, absolute });
}

describe("softmax", () => {
  it.each([1, 3, 4, 5, 17, 200])("should match f64 over %i columns", (columns) => {
    compare([random([7, columns], columns, 5)], (x) => softmax(x));
    compare([random([3, columns, 4], columns, 5, { swap: [0, 1] })], (x) => softmax(x));
    compare([random([columns, 6], columns, 5, { swap: [0, 1] })], (x) => softmax(x));
  });

  it("should keep to IEEE at infinities and NaN, and take large logits", () => {
    const { NEGATIVE_INFINITY: low, POSITIVE_INFINITY: high, NaN: nan } = Number;
    const rows = [
      1e4,
      1e4 - 1,
      0,
      0,
      0,
      low,
      1,
      low,
      2,
      3,
      low,
      low,
      low,
      low,
      low,
      high,
      0,
      0,
      0,
      0,
      nan,
      0,
      0,
      0,
      0,
    ];
    compare([{ shape: [5, 5], values: rows }], (x) => softmax(x));
  });
});

it("crossEntropy should match f64, with NaN for targets out of range", () => {
  for (const columns of [1, 5, 33, 1000]) {
    const targets = [0, columns - 1, columns, -1, columns >> 1];
    compare([random([5, columns], columns, 4), { shape: [5], values: targets, integers: true }], (x, t) =>
      crossEntropy(x!, t!),
    );
  }
});

it("rmsNorm should match f64", () => {
  for (const columns of [1, 6, 64]) {
    compare([random([3, 4, columns], 3), random([columns], 5)], (x, g) => rmsNorm(x!, g!, 1e-5));
    compare([random([columns, 5], 3, 1, { swap: [0, 1] }), random([columns], 5)], (x, g) =>
      rmsNorm(x!, g!, 0.1),
    );
  }
});

it("rope should rotate halves, also of transposed heads", () => {
  for (const half of [1, 3, 8]) {
    const tables = [random([6, half], 7), random([6, half], 8)];
    compare([random([2, 6, 3, 2 * half], 3, 1, { swap: [1, 2] }), ...tables], (x, c, s) => rope(x!, c!, s!));
    compare([random([6, 2 * half], 3), ...tables], (x, c, s) => rope(x!, c!, s!));
  }
});

it("swiglu should match f64", () => {
  compare([random([5, 13], 1, 20), random([5, 13], 2)], (g, u) => swiglu(g!, u!), 1e-5);
});

it("rowEntropy should match f64, with zeros counting nothing", () => {
  for (const columns of [1, 7, 300]) {
    const values = normals(4 * columns, columns).map((x, i) =>
      i % 3 === 1 ? 0 : x * x + (i % columns === 0 ? 1 : 0),
    );
    compare([{ shape: [4, columns], values }], (x) => entropy(x!));
    compare([{ shape: [columns, 4], values: values.map((x) => x + 1e-30), swap: [0, 1] }], (x) =>
      entropy(x!),
    );
  }
});

describe("attention", () => {
  it.each([
    { heads: 4, groups: 2, queries: 5, keys: 5, width: 8 },
    { heads: 3, groups: 1, queries: 1, keys: 9, width: 4 },
    { heads: 2, groups: 2, queries: 150, keys: 170, width: 5 },
    { heads: 2, groups: 1, queries: 130, keys: 1010, width: 6 },
    { heads: 1, groups: 1, queries: 500, keys: 490, width: 4 },
  ])("should match f64: %o", ({ heads, groups, queries, keys, width }) => {
    for (const causal of [true, false]) {
      // As models lay them out: [b, t, h, d] seen as [b, h, t, d].
      const view = { swap: [1, 2] } as const;
      const inputs = [
        random([2, queries, heads, width], 1, 1, view),
        random([2, keys, groups, width], 2, 1, view),
        random([2, keys, groups, width], 3, 1, view),
      ];
      compare(inputs, (q, k, v) => attention(q!, k!, v!, { causal }), 1e-5);
    }
  });

  it("should keep to IEEE where scores are infinite or NaN, in the first block of keys or later", () => {
    const { NEGATIVE_INFINITY: low, POSITIVE_INFINITY: high, NaN: nan } = Number;
    for (const special of [low, high, nan]) {
      for (const at of [0, 3, 485]) {
        const keys = random([1, 1, 500, 1], 2);
        const values = keys.values.map((x, i) => (i === at ? special : Math.abs(x)));
        const inputs = [random([1, 1, 500, 1], 1), { ...keys, values }, random([1, 1, 500, 1], 3)];
        compare(inputs, (q, k, v) => attention(q!.abs().add(0.1), k!, v!));
      }
    }
    const hidden = { shape: [1, 1, 600, 1], values: new Array<number>(600).fill(low) };
    const inputs = [random([1, 1, 2, 1], 1), hidden, random([1, 1, 600, 1], 3)];
    compare(inputs, (q, k, v) => attention(q!.abs().add(0.1), k!, v!));
  });

  it("should give NaN to queries that see no key", () => {
    const inputs = [random([1, 1, 5, 4], 1), random([1, 1, 3, 4], 2), random([1, 1, 3, 4], 3)];
    compare(inputs, (q, k, v) => attention(q!, k!, v!));
  });
});

it("should leave nothing allocated", () => {
  expect(backend.capabilities.allocatedBytes()).toBe(0);
});
