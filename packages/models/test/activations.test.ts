import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { InputDrift } from "@denoise-rotator/contracts";
import { createCpuBackend, decodeBFloat16, encodeBFloat16, NonFiniteError } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ActivationStorage,
  type ActivationStorageOptions,
  Activations,
  calibrate,
  openModel,
} from "../src/index.js";
import { randomCheckpoint, randomWindows, temporaryFolder } from "./random-checkpoint.js";

const shape = { count: 5, length: 2, width: 3, batchWindows: 2 };
const batchBytes = 2 * 2 * 3 * 4;
const valuesOf = (activations: Activations, batch: number, seed: number) =>
  Float32Array.from({ length: activations.windowsIn(batch) * 6 }, (_, i) => Math.sin(seed + batch * 12 + i));

function filled(storage: ActivationStorage): Activations {
  const activations = new Activations(shape, storage);
  for (let batch = 0; batch < 3; batch++) activations.replace(batch, valuesOf(activations, batch, 1), "test");
  return activations;
}
const all = (activations: Activations) =>
  [...Array(activations.count).keys()].map((index) => [...activations.window(index)]);

describe("Activations", () => {
  it("should hold the same values in memory, on disk and in part on each, whatever is forked and replaced", () => {
    const step = fc.record({
      what: fc.constantFrom("fork", "replace", "dispose", "first"),
      stream: fc.nat(),
      batch: fc.nat({ max: 2 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.integer({ min: 0, max: 4 }), (script, batches) => {
        const limit = batches * batchBytes;
        using storage = new ActivationStorage({ memory: limit });
        using free = new ActivationStorage();
        const streams = [[filled(storage), filled(free)] as const];
        for (const { what, stream, batch, seed } of script) {
          const pair = streams[stream % streams.length]!;
          if (what === "fork") streams.push([pair[0].fork(), pair[1].fork()]);
          if (what === "first") streams.push([pair[0].first(3), pair[1].first(3)]);
          if (what === "replace") {
            const target = batch % pair[0].batchCount;
            for (const each of pair) each.replace(target, valuesOf(each, target, seed), "test");
          }
          if (what === "dispose" && streams.length > 1) {
            for (const each of streams.splice(stream % streams.length, 1)[0]!) each.dispose();
          }
          expect(storage.residentBytes).toBeLessThanOrEqual(limit);
          expect(storage.residentBytes + storage.spilledBytes).toBe(free.residentBytes);
          for (const [a, b] of streams) expect(all(a)).toEqual(all(b));
        }
        for (const pair of streams) for (const each of pair) each.dispose();
        expect(storage.residentBytes + storage.spilledBytes).toBe(0);
      }),
    );
  });

  it("should round to bf16 wherever it holds them", () => {
    for (const memory of [0, 2 * batchBytes]) {
      const held = filled(new ActivationStorage({ memory, dtype: "bf16" }));
      const rounded = decodeBFloat16(encodeBFloat16(valuesOf(held, 1, 1)));
      expect([...held.window(3)]).toEqual([...rounded.subarray(6)]);
    }
  });

  it.each(["f32", "bf16"] as const)("should save and load exactly: %s", async (dtype) => {
    const folder = await temporaryFolder();
    const file = join(folder, "activations.safetensors");
    const held = filled(new ActivationStorage({ memory: batchBytes, dtype }));
    await held.save(file);
    expect(readdirSync(folder)).toEqual(["activations.safetensors"]);
    const loaded = await Activations.load(file, new ActivationStorage({ memory: 0, dtype }));
    expect(loaded).toMatchObject(shape);
    expect(all(loaded)).toEqual(all(held));
    writeFileSync(file, readFileSync(file).subarray(0, -1));
    await expect(Activations.load(file)).rejects.toThrow(
      expect.objectContaining({ name: "CheckpointError" }),
    );
  });

  it("should refuse NaN by window and keep what it had", () => {
    const held = filled(new ActivationStorage({ memory: 0 }));
    const before = all(held);
    const values = valuesOf(held, 1, 3);
    values[7] = Number.NaN;
    expect(() => held.replace(1, values, "block 3")).toThrow(NonFiniteError);
    expect(() => held.replace(1, values, "block 3")).toThrow("block 3: the outputs for window 3 hold NaN");
    expect(all(held)).toEqual(before);
  });
});

describe("calibrate with activations on disk", () => {
  const run = async (path: string, activations: ActivationStorageOptions) => {
    const device = createCpuBackend();
    await using model = await openModel(path, { device, activationBatch: 2, activations });
    const out = join(await temporaryFolder(), "out");
    const drifts: number[][] = [];
    let spilled = 0;
    for await (const block of calibrate(model, randomWindows(5, 6), { out, dense: true })) {
      block.trackDense();
      for (const site of block.sites) site.setWeight(site.weight.mul(0.9));
      await block.capture(["downProj"]);
      const { gram, drift } = block.sites.find(({ role }) => role === "downProj")!.statistics!;
      for (const x of [gram, (drift as InputDrift).inputs]) drifts.push([...(x.readSync() as Float32Array)]);
      spilled = Math.max(spilled, model.activationStorage.spilledBytes);
    }
    expect(model.activationStorage.residentBytes + model.activationStorage.spilledBytes).toBe(0);
    return { drifts, spilled, bytes: readFileSync(join(out, "model.safetensors")) };
  };

  it("should give the bytes of a run in memory", async () => {
    const path = await randomCheckpoint();
    const scratch = mkdtempSync(join(await temporaryFolder(), "scratch-"));
    const [inMemory, onDisk] = [await run(path, {}), await run(path, { memory: 0, scratch })];
    expect(inMemory.spilled).toBe(0);
    expect(onDisk.spilled).toBe(2 * 5 * 6 * 12 * 4);
    expect(onDisk.drifts).toEqual(inMemory.drifts);
    expect(onDisk.bytes.equals(inMemory.bytes)).toBe(true);
    expect(readdirSync(scratch)).toEqual([]);
    const rounded = await run(path, { memory: 0, dtype: "bf16" });
    expect(rounded.drifts).not.toEqual(inMemory.drifts);
  });
});
