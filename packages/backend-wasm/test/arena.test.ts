import { OptionError, OutOfMemoryError } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Arena, type Block } from "../src/engine/arena.js";
import { wasm } from "../src/index.js";

const makeArena = (limit = 1 << 20) =>
  new Arena({
    start: 1024,
    size: 4096,
    limit,
    grow: (span) => Math.min(limit, Math.ceil(span / 4096) * 4096),
  });

const overlaps = (blocks: readonly Block[]) => {
  const sorted = [...blocks].sort((a, b) => a.address - b.address);
  return sorted.some((block, i) => i > 0 && sorted[i - 1]!.address + sorted[i - 1]!.size > block.address);
};

describe("Arena", () => {
  it("should never hand out overlapping blocks and account for every byte", () => {
    const step = fc.oneof(
      fc.record({ allocate: fc.oneof(fc.nat(300), fc.nat(20000)) }),
      fc.record({ free: fc.nat() }),
      fc.constant({ compact: true } as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const arena = makeArena();
        const live: Block[] = [];
        for (const each of steps) {
          if ("allocate" in each) {
            const block = arena.allocate(each.allocate);
            expect(block.address % 64).toBe(0);
            expect(block.size).toBeGreaterThanOrEqual(each.allocate);
            live.push(block);
          } else if ("compact" in each) {
            const places = new Map(live.map(({ address }) => [address, address]));
            arena.compact((to, from, size) => {
              expect(to).toBeLessThan(from);
              expect(size).toBeGreaterThan(0);
              places.set(from, to);
            });
            expect(new Set(live.map(({ address }) => address))).toEqual(new Set(places.values()));
          } else if (live.length > 0) {
            arena.free(live.splice(each.free % live.length, 1)[0]!);
          }
          expect(overlaps(live)).toBe(false);
          expect(arena.allocated).toBe(live.reduce((sum, { size }) => sum + size, 0));
        }
        for (const block of live) arena.free(block);
        expect(arena.allocated).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it("should coalesce what is freed: the whole limit can be allocated again", () => {
    const arena = makeArena(65536);
    const blocks = Array.from({ length: 64 }, () => arena.allocate(1024));
    for (const order of [1, 0]) for (let i = order; i < 64; i += 2) arena.free(blocks[i]!);
    arena.free(arena.allocate(65536));
    expect(arena.allocated).toBe(0);
  });

  it("should make one piece of what is free, and keep what blocks hold", () => {
    const bytes = new Uint8Array(1024 + 65536);
    const arena = makeArena(65536);
    const live: { readonly block: Block; readonly value: number }[] = [];
    for (let i = 0; i < 60; i++) {
      const block = arena.allocate(64 * (1 + (i % 5)));
      bytes.fill(i + 1, block.address, block.address + block.size);
      live.push({ block, value: i + 1 });
    }
    for (let i = 59; i >= 0; i -= 3) arena.free(live.splice(i, 1)[0]!.block);
    arena.allocate(65536 - arena.allocated - 4096);
    const wanted = 65536 - arena.allocated;
    expect(arena.isScattered(wanted)).toBe(true);
    arena.compact((to, from, size) => void bytes.copyWithin(to, from, from + size));
    expect(arena.isScattered(wanted)).toBe(false);
    for (const { block, value } of live) {
      expect(bytes.subarray(block.address, block.address + block.size).every((byte) => byte === value)).toBe(
        true,
      );
    }
    const others = arena.allocated - live.reduce((sum, { block }) => sum + block.size, 0);
    const rest = arena.allocate(wanted);
    expect(overlaps([rest, ...live.map(({ block }) => block)])).toBe(false);
    for (const block of [rest, ...live.map((each) => each.block)]) arena.free(block);
    expect(arena.allocated).toBe(others);
    arena.compact(() => {});
    arena.allocate(65536 - others);
    arena.compact(() => {});
    expect(() => arena.allocate(1)).toThrow(OutOfMemoryError);
  });

  it("should name what was asked for, what is allocated and the limit", () => {
    const arena = makeArena(65536);
    arena.allocate(60000);
    expect(() => arena.allocate(10000)).toThrow(OutOfMemoryError);
    expect(() => arena.allocate(10000)).toThrow(/10000 bytes asked for, 60032 allocated, limit 65536/);
    arena.allocate(5000);
  });

  it("should refuse to free a block twice", () => {
    const arena = makeArena();
    const block = arena.allocate(10);
    arena.free(block);
    expect(() => arena.free(block)).toThrow(RangeError);
  });
});

describe("memory of the backend", () => {
  it("should keep contents while growing", async () => {
    const backend = await wasm();
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
    const first = backend.allocate(1000);
    backend.write(first, 0, bytes);
    const large = Array.from({ length: 6 }, () => backend.allocate(20 << 20));
    expect(backend.readSync(first, 0, 1000)).toEqual(bytes);
    expect(await backend.read(first, 10, 5)).toEqual(bytes.slice(10, 15));
    for (const buffer of [first, ...large]) backend.free(buffer);
    expect(backend.capabilities.allocatedBytes()).toBe(0);
    await backend.dispose();
    expect(() => backend.allocate(1)).toThrow(/disposed/);
  });

  it("should move tensors together where what is free is scattered", async () => {
    await using backend = await wasm({ maxMemoryBytes: 300 << 20 });
    const pieces = Array.from({ length: 5 }, () => backend.allocate(50 << 20));
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
    for (const i of [1, 3]) backend.write(pieces[i]!, 49 << 20, bytes);
    for (const i of [0, 2, 4]) backend.free(pieces[i]!);
    const large = backend.allocate(200 << 20);
    backend.write(large, 0, new Uint8Array(200 << 20).fill(255));
    for (const i of [1, 3]) expect(backend.readSync(pieces[i]!, 49 << 20, 1000)).toEqual(bytes);
  });

  it("should stop at maxMemoryBytes and at what wasm32 can address", async () => {
    const small = await wasm({ maxMemoryBytes: 1 << 20 });
    expect(() => small.allocate((1 << 20) + 1)).toThrow(OutOfMemoryError);
    small.allocate(1 << 20);
    const large = await wasm();
    expect(() => large.allocate(2 ** 32)).toThrow(OutOfMemoryError);
    for (const bad of [0, -1, 1.5, Number.NaN, 2 ** 33]) {
      await expect(wasm({ maxMemoryBytes: bad })).rejects.toThrow(OptionError);
    }
  });

  it("should be released by `await using`", async () => {
    let kept: Awaited<ReturnType<typeof wasm>>;
    {
      await using backend = await wasm();
      kept = backend;
    }
    expect(() => kept.readSync(kept, 0, 0)).toThrow(/disposed/);
  });
});
