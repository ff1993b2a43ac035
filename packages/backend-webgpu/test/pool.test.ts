import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeClass } from "../src/engine/buffer-pool.js";
import { bufferOf } from "../src/engine/device-buffer.js";
import { Engine } from "../src/engine/engine.js";
import type { WebgpuOptions } from "../src/index.js";
import { openDevice } from "../src/open-device.js";
import { describeOnDevice } from "./adapter.js";

async function withEngine(options: WebgpuOptions, body: (engine: Engine) => Promise<void> | void) {
  const engine = new Engine(await openDevice(options), options);
  try {
    await body(engine);
  } finally {
    engine.close();
  }
}

describe("size classes", () => {
  it("should hold what is asked for, waste at most a quarter (a 32nd of what is large), and be few", () => {
    fc.assert(
      fc.property(fc.integer({ min: 257, max: 2 ** 32 }), (bytes) => {
        const size = sizeClass(bytes);
        expect(size).toBeGreaterThanOrEqual(bytes);
        expect(size).toBeLessThan(bytes * (bytes > 2 ** 24 ? 1 + 1 / 32 : 1.25));
        expect(size % 16).toBe(0);
        expect(sizeClass(size)).toBe(size);
      }),
    );
    const classes = new Set(Array.from({ length: 65536 }, (_, i) => sizeClass(i)));
    expect(classes.size).toBeLessThanOrEqual(4 * 8 + 1);
  });
});

describeOnDevice("the buffer pool", () => {
  it("should hand a freed buffer to the next that fits, and count what is in use", () =>
    withEngine({}, (engine) => {
      const first = engine.allocate(1000);
      const slab = first.slab;
      expect(engine.pool.live).toBe(1024);
      engine.free(first);
      expect([engine.pool.live, engine.pool.idle]).toEqual([0, 1024]);
      expect(() => first.slab).toThrow(/after it was freed/);
      expect(engine.allocate(900).slab).toBe(slab);
      expect(engine.allocate(900).slab).not.toBe(slab);
      expect([engine.pool.live, engine.pool.peak]).toEqual([2048, 2048]);
      engine.pool.resetPeak();
      expect(engine.pool.peak).toBe(2048);
    }));

  it("should keep at most maxIdleBytes, letting go of what is idle longest, after submission", () =>
    withEngine({ maxIdleBytes: 2048 }, async (engine) => {
      const buffers = [256, 512, 1024, 2048].map((size) => engine.allocate(size));
      const gpus = buffers.map((buffer) => buffer.slab.gpu);
      for (const buffer of buffers) {
        engine.dispatch({
          op: "one",
          key: "one",
          bindings: { out: { buffer, access: "read_write" } },
          params: {},
          workgroups: [1, 1, 1],
          code: ({ out }) => `@compute @workgroup_size(1) fn main() { ${out}[0] = params.unused + 1u; }`,
        });
      }
      for (const buffer of buffers) engine.free(buffer);
      expect(engine.pool.idle).toBe(3840);
      engine.flush();
      expect(engine.pool.idle).toBe(2048);
      expect(engine.allocate(2048).slab.gpu).toBe(gpus[3]);
      // Nothing was destroyed before the commands that use it were submitted.
      const probe = engine.allocate(16);
      await expect(engine.read(probe, 0, 4)).resolves.toHaveLength(4);
    }));

  it("should not pile up what nobody's commands use", () =>
    withEngine({ maxIdleBytes: 4096 }, (engine) => {
      for (let i = 0; i < 50; i++) {
        const buffer = engine.allocate(1024 + 256 * (i % 5));
        engine.writeWords(buffer, 0, new Uint8Array(16));
        engine.free(buffer);
        expect(engine.pool.idle).toBeLessThanOrEqual(4096);
      }
    }));

  it("should never let the next owner of a buffer disturb what was enqueued before", () =>
    withEngine({}, async (engine) => {
      const results: Promise<Uint8Array>[] = [];
      for (let i = 0; i < 300; i++) {
        const buffer = engine.allocate(64);
        engine.writeWords(buffer, 0, new Uint8Array(64).fill(i % 251));
        engine.dispatch({
          op: "increment",
          key: "increment",
          bindings: { out: { buffer, access: "read_write" } },
          params: { by: 0x01010101 },
          workgroups: [1, 1, 1],
          code: ({ out }) =>
            `@compute @workgroup_size(16) fn main(@builtin(local_invocation_index) i: u32) { ${out}[i] += params.by; }`,
        });
        results.push(engine.read(buffer, 0, 64));
        engine.free(buffer);
      }
      for (const [i, bytes] of (await Promise.all(results)).entries()) {
        expect([...bytes]).toEqual(new Array(64).fill((i % 251) + 1));
      }
      expect(engine.pool.live).toBe(0);
      expect(bufferOf(engine.allocate(64)).slab.capacity).toBe(256);
    }));
});
