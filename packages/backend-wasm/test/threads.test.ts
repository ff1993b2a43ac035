import { BackendError, type Operand, OptionError } from "@denoise-rotator/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type WasmBackend, wasm } from "../src/index.js";
import { splitEvenly } from "../src/threads/parallel.js";
import { blank, f32, type Given, normals, place, values } from "./support.js";

const counts = [1, 2, 3];
let backends: WasmBackend[];
beforeAll(async () => {
  backends = await Promise.all(counts.map((threads) => wasm({ threads })));
});
afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

/** What the last operand holds after a kernel ran, on each backend. */
const resultsOf = (
  given: readonly Given[],
  run: (backend: WasmBackend, operands: readonly Operand[]) => void,
): number[][] =>
  backends.map((backend) => {
    const operands = given.map((each) => place(backend, each));
    run(backend, operands);
    const found = values(backend, operands.at(-1)!);
    for (const each of operands) backend.free(each.buffer);
    return found;
  });

interface Case {
  readonly sizes: readonly [m: number, n: number, k: number];
  readonly layouts: readonly [boolean, boolean];
  readonly accumulate: boolean;
}

/** The bits of a product on each backend. */
const products = ({ sizes: [m, n, k], layouts, accumulate }: Case): number[][] => {
  const layout = (transposed: boolean) => (transposed ? { layout: [1, 0] } : {});
  const given = [
    f32([m, k], normals(m * k, 3), layout(layouts[0])),
    f32([k, n], normals(k * n, 5), layout(layouts[1])),
    blank("f32", [m, n], 0.25),
  ];
  return resultsOf(given, (backend, [a, b, out]) =>
    backend.kernels.matmul(a!, b!, out!, { alpha: 0.7, accumulate }),
  );
};

describe("threads", () => {
  it("should give the same importance terms whatever their number", () => {
    const [n, d] = [320, 260];
    const given = [f32([n, d], normals(n * d, 7)), f32([d], normals(d, 8).map(Math.abs))];
    const others = [blank("f32", [n, d], 0.25), blank("f32", [d], 0), blank("f32", [n], 0)];
    const results = backends.map((backend) => {
      const [y, h, out, perColumn, perRow] = [...given, ...others].map((each) => place(backend, each));
      const found: number[][] = [];
      const keep = (...outs: (typeof y)[]) => found.push(...outs.map((each) => values(backend, each!)));
      for (const group of [4, d]) {
        const options = { inputAxis: 1, group, count: group / 2 } as const;
        backend.kernels.prunedEnergy!(y!, h!, out!, perColumn!, options);
        keep(out, perColumn);
      }
      for (const group of [4, 8, n]) {
        const options = { inputAxis: 0, group, count: group / 2 } as const;
        backend.kernels.prunedEnergy!(y!, undefined, out!, perRow!, options);
        keep(out, perRow);
      }
      backend.kernels.groupEntropy!(y!, h!, out!, perColumn!, perRow!, { axis: 1, accumulate: false });
      keep(out, perColumn, perRow);
      backend.kernels.groupEntropy!(y!, undefined, out!, perRow!, perColumn!, { axis: 0, accumulate: true });
      keep(out, perRow, perColumn);
      for (const each of [y, h, out, perColumn, perRow]) backend.free(each!.buffer);
      return found;
    });
    for (const result of results.slice(1)) expect(result).toEqual(results[0]);
  });

  it("should give the same bits whatever their number", () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 150, max: 420 }));
    const cases = fc.record({
      sizes: fc.tuple(size, size, size),
      layouts: fc.tuple(fc.boolean(), fc.boolean()),
      accumulate: fc.boolean(),
    });
    fc.assert(
      fc.property(cases, (one) => {
        const [first, ...others] = products(one);
        for (const other of others) expect(other).toEqual(first);
      }),
      { numRuns: 25 },
    );
  });

  it("should share long batches and tall products", () => {
    for (const sizes of [
      [1500, 70, 64],
      [64, 2000, 40],
      [7, 900, 800],
      [5, 1003, 900],
    ] as const) {
      const [first, ...others] = products({ sizes, layouts: [false, true], accumulate: false });
      for (const other of others) expect(other).toEqual(first);
    }
  });

  it("should share batches, of few and of many products", () => {
    for (const [batch, m, n, k] of [
      [2, 160, 150, 400],
      [40, 64, 48, 33],
      [3, 1, 300, 200],
    ] as const) {
      const given = [
        f32([batch, m, k], normals(batch * m * k, 3)),
        f32([batch, k, n], normals(batch * k * n, 5)),
        blank("f32", [batch, m, n]),
      ];
      const [first, ...others] = resultsOf(given, (backend, [a, b, out]) =>
        backend.kernels.matmul(a!, b!, out!, { alpha: 1, accumulate: false }),
      );
      for (const other of others) expect(other).toEqual(first);
    }
  });

  it("should share products with a vector", () => {
    for (const sizes of [
      [1, 2003, 2500],
      [2003, 1, 2500],
    ] as const) {
      for (const transposed of [false, true]) {
        const layouts = [transposed, transposed] as const;
        const [first, ...others] = products({ sizes, layouts, accumulate: true });
        for (const other of others) expect(other).toEqual(first);
      }
    }
  });

  it("should share Gram matrices", () => {
    for (const accumulate of [false, true]) {
      const given = [f32([300, 530], normals(159_000)), f32([530, 530], normals(280_900, 3))];
      const [first, ...others] = resultsOf(given, (backend, [x, out]) =>
        backend.kernels.syrk!(x!, out!, { alpha: 0.5, accumulate }),
      );
      for (const other of others) expect(other).toEqual(first);
    }
  });

  it("should see memory that grew after the workers started", () => {
    const backend = backends[1]!;
    const large = Array.from({ length: 4 }, () => backend.allocate(48 << 20));
    const [first, second] = products({ sizes: [400, 400, 400], layouts: [false, false], accumulate: true });
    expect(second).toEqual(first);
    for (const buffer of large) backend.free(buffer);
  });

  it("should tell their number and check it", async () => {
    expect(backends.map((backend) => backend.capabilities.description.threads)).toEqual(counts);
    for (const threads of [0, 1.5, -2, 65, Number.NaN]) {
      await expect(wasm({ threads })).rejects.toThrow(OptionError);
    }
  });

  it("should serve several backends at once, each with the address space of wasm32 reserved", async () => {
    const many = await Promise.all(Array.from({ length: 8 }, () => wasm({ threads: 2 })));
    for (const backend of many) expect(values(backend, place(backend, f32([2], [1, 2])))).toEqual([1, 2]);
    await Promise.all(many.map((backend) => backend.dispose()));
  });

  it("should name a worker that trapped, and refuse to go on", async () => {
    const backend = await wasm({ threads: 2, maxMemoryBytes: 64 << 20 });
    const operand = place(backend, f32([600, 600], normals(360_000)));
    const outside = { ...operand, offset: 1 << 29 };
    const out = place(backend, blank("f32", [600, 600]));
    const multiply = (x: typeof operand) => () =>
      backend.kernels.matmul(x, operand, out, { alpha: 1, accumulate: false });
    expect(multiply(outside)).toThrow(/worker thread failed|out of bounds/);
    await backend.dispose();
    expect(multiply(operand)).toThrow(BackendError);
  });
});

describe("splitEvenly", () => {
  it("should cover everything once in steps", () => {
    const size = fc.integer({ min: 1, max: 50 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), size, size, (count, parts, step) => {
        const stretches = splitEvenly(count, parts, step);
        expect(stretches.length).toBeLessThanOrEqual(parts);
        let next = 0;
        for (const [first, length] of stretches) {
          expect(first).toBe(next);
          expect(length).toBeGreaterThan(0);
          expect(first % step).toBe(0);
          next += length;
        }
        expect(next).toBe(count);
      }),
    );
  });
});
