import { openCheckpoint } from "@denoise-rotator/checkpoint";
import { createCpuBackend } from "@denoise-rotator/core";
import { type ByteSource, fileSource } from "@denoise-rotator/hub";
import { describe, expect, it } from "vitest";
import { openModel } from "../src/index.js";
import { ReadAhead } from "../src/read-ahead.js";
import { randomCheckpoint } from "./random-checkpoint.js";

/** A file of which it is known what was read ahead. */
async function watched(path: string, ahead: [number, number][]): Promise<ByteSource> {
  const source = await fileSource(path);
  return {
    ...source,
    async prefetch(offset, length, signal) {
      ahead.push([offset, length]);
      await source.prefetch!(offset, length, signal);
    },
  };
}

describe("ReadAhead", () => {
  it("should read all of the tensors that follow, once, and skip what is not there", async () => {
    const path = await randomCheckpoint();
    await using model = await openModel(path, { device: createCpuBackend() });
    const ranges: [number, number][] = [];
    await using checkpoint = await openCheckpoint(path, { openSource: (file) => watched(file, ranges) });
    const names = model.tensorsAfter(0);
    const bytes = (name: string) => checkpoint.shape(name).reduce((product, dim) => product * dim, 4);
    {
      await using ahead = new ReadAhead(checkpoint);
      ahead.start(["no such tensor", ...names]);
      while (ranges.length < names.length) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(names[0]).toBe("model.layers.1.input_layernorm.weight");
    expect(ranges.map(([, length]) => length)).toEqual(names.map(bytes));
    expect(model.tensorsAfter(2)).toEqual(["model.norm.weight", "model.embed_tokens.weight"]);
  });

  it("should stop when it goes out of scope, and have read what it began before", async () => {
    const ranges: [number, number][] = [];
    const path = await randomCheckpoint();
    await using checkpoint = await openCheckpoint(path, { openSource: (file) => watched(file, ranges) });
    {
      await using ahead = new ReadAhead(checkpoint);
      ahead.start(checkpoint.names);
    }
    const begun = ranges.length;
    expect(begun).toBeLessThan(checkpoint.names.length);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(ranges).toHaveLength(begun);
  });
});
