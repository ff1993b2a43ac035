import { coreOpTable, describeBackend, gradientCases } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEngine } from "../src/engine/engine.js";
import { chooseTurbo } from "../src/engine/features.js";
import { type WasmBackend, wasm } from "../src/index.js";
import { agreesWithPlain } from "../src/kernels/turbo-check.js";
import { blank, f32, normals, place, values } from "./support.js";

const available = "tile" in chooseTurbo(1);

describe("turbo", () => {
  it("should say once where it is missing, and compute with the plain kernels", async () => {
    const notices: string[] = [];
    await using backend = await wasm({ turbo: true, threads: 1, onNotice: (text) => notices.push(text) });
    expect(backend.capabilities.description.turbo).toBe(available);
    expect(notices.length).toBe(available ? 0 : 1);
    const a = place(backend, f32([2, 2], [1, 2, 3, 4]));
    const out = place(backend, blank("f32", [2, 2]));
    for (let i = 0; i < 2; i++) backend.kernels.matmul(a, a, out, { alpha: 1, accumulate: false });
    expect(values(backend, out)).toEqual([7, 10, 15, 22]);
    expect(notices.length).toBe(available ? 0 : 1);
  });

  it("should be off by default", async () => {
    await using backend = await wasm({ threads: 1 });
    expect(backend.capabilities.description.turbo).toBe(false);
  });
});

describe("check of turbo kernels against the plain ones", () => {
  // Any second tile stands for turbo's here, so that the check itself is tested on every engine.
  const options = { limit: 64 << 20, threads: 1 };
  const tile = { rows: 3, columns: 8, fma: false, unroll: 1, separateSteps: false, depth: 320 };

  it("should accept a tile that computes the same", async () => {
    const engine = await createEngine({ ...options, turbo: tile });
    expect(agreesWithPlain(engine, engine.plain!)).toBe(true);
  });

  it("should refuse kernels that miscompute", async () => {
    const engine = await createEngine({ ...options, turbo: tile });
    const broken = (name: string) => ({
      ...engine,
      native: {
        ...engine.native,
        [name]: (...args: number[]) => {
          engine.native[name]!(...args);
          engine.memory.f32[args[4]! >>> 2]! += 1;
        },
      },
    });
    expect(agreesWithPlain(broken("productNN"), engine.plain!)).toBe(false);
    expect(agreesWithPlain(broken("productTT"), engine.plain!)).toBe(false);
  });
});

if (available) {
  const runner = { describe, it, beforeAll, afterAll };
  const open = () => wasm({ turbo: true, threads: 1 });
  describeBackend("wasm, turbo", open, runner);
  describeBackend("wasm, turbo, gradients", open, runner, { cases: gradientCases(coreOpTable) });

  describe("turbo kernels", () => {
    let backends: WasmBackend[];
    beforeAll(async () => {
      const threads = "tile" in chooseTurbo(2) ? 2 : 1;
      backends = await Promise.all([wasm({ turbo: true, threads }), wasm({ threads: 1 })]);
    });
    afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

    it("should give the plain kernels' bits, on any number of threads", () => {
      for (const [m, n, k] of [
        [300, 310, 800],
        [5, 700, 900],
        [64, 65, 33],
      ] as const) {
        const [turbo, plain] = backends.map((backend) => {
          const [a, b] = [f32([m, k], normals(m * k)), f32([k, n], normals(k * n, 3))].map((x) =>
            place(backend, x),
          );
          const out = place(backend, blank("f32", [m, n]));
          backend.kernels.matmul(a!, b!, out, { alpha: 1, accumulate: false });
          return values(backend, out);
        });
        expect(turbo).toEqual(plain);
      }
    });
  });
}
