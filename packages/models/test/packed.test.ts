import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openCheckpoint } from "@denoise-rotator/checkpoint";
import { createCpuBackend } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { calibrate, openModel, packModel, unpackModel } from "../src/index.js";
import { pruneTwoOfFour } from "./prune-two-of-four.js";
import { randomCheckpoint, randomWindows, temporaryFolder } from "./random-checkpoint.js";

const device = createCpuBackend();
const windows = randomWindows(2, 8);
const bytesOf = (folder: string, file: string) => readFile(join(folder, file));

/** A random model in 2:4 but for `oProj` of block 1, stored plain or packed. */
async function write(out: string, form: { packed?: boolean; rotated?: boolean; maxShardBytes?: number }) {
  await using model = await openModel(await randomCheckpoint({ dtype: "bf16" }), { device });
  const { packed = false, rotated = false, maxShardBytes = 1e9 } = form;
  const dense = (index: number, role: string) => index === 1 && role === "oProj";
  for await (const block of calibrate(model, windows, {
    ...{ out, maxShardBytes, rotated },
    ...(packed ? { packed: (index, role) => (dense(index, role) ? undefined : { keep: 2, of: 4 }) } : {}),
  })) {
    const kept = block.sites.find(({ role }) => dense(block.index, role));
    using before = kept?.weight.alias();
    await pruneTwoOfFour(block);
    if (before) kept!.setWeight(before.alias());
  }
}

describe("packed models", () => {
  it.each([
    ["plain, in one file", { rotated: false }],
    ["rotated, in one file", { rotated: true }],
  ])("should be the same bytes, packed when written or later, and plain again: %s", async (_, form) => {
    const folder = await temporaryFolder();
    const at = (name: string) => join(folder, name);
    await write(at("plain"), form);
    await write(at("packed"), { ...form, packed: true });
    await writeFile(join(at("packed"), "run.json"), "{}");
    {
      await using plain = await openModel(at("plain"), { device });
      expect(await packModel(plain, at("packed later"))).toHaveLength(20);
      await using packed = await openModel(at("packed"), { device });
      await unpackModel(packed, at("plain again"));
      using expected = await plain.logits(windows);
      using logits = await packed.logits(windows);
      expect(await logits.read()).toEqual(await expected.read());
      await expect(unpackModel(plain, at("nothing"))).rejects.toThrow(/plain already/);
    }
    for (const file of ["model.safetensors", "config.json"]) {
      expect(await bytesOf(at("packed later"), file)).toEqual(await bytesOf(at("packed"), file));
      expect(await bytesOf(at("plain again"), file)).toEqual(await bytesOf(at("plain"), file));
    }
    expect(await bytesOf(at("packed"), "modeling_denoise_rotator.py")).toEqual(
      await bytesOf(at("packed later"), "modeling_denoise_rotator.py"),
    );
    expect((await bytesOf(at("plain again"), "run.json")).toString()).toBe("{}");
    expect(JSON.parse((await bytesOf(at("packed"), "config.json")).toString()).model_type).toBe(
      "denoise_rotator_packed_llama",
    );
  });

  it("should be written block by block into shards, and pruned again", async () => {
    const folder = await temporaryFolder();
    const at = (name: string) => join(folder, name);
    await write(at("plain"), {});
    await write(at("packed"), { packed: true, maxShardBytes: 300 });
    await using packed = await openModel(at("packed"), { device });
    for await (const block of calibrate(packed, windows, { out: at("again"), maxShardBytes: 300 })) {
      expect(block.sites).toHaveLength(7);
    }
    await unpackModel(packed, at("unpacked"), { maxShardBytes: 500 });
    await using expected = await openCheckpoint(at("plain"));
    for (const copy of ["packed", "again", "unpacked"]) {
      await using found = await openCheckpoint(at(copy));
      expect(new Set(found.names)).toEqual(new Set(expected.names));
      for (const name of expected.names) expect(await found.read(name)).toEqual(await expected.read(name));
      expect(found.names.some((name) => found.packing?.(name))).toBe(copy === "packed");
    }
  });

  it("should be refused where weights do not have the pattern, naming the weight", async () => {
    const folder = await temporaryFolder();
    await using model = await openModel(await randomCheckpoint(), { device });
    await expect(packModel(model, join(folder, "dense"))).rejects.toMatchObject({
      code: "PATTERN",
      message: expect.stringContaining("model.layers.0.self_attn.q_proj.weight"),
    });
    const run = async () => {
      const options = { out: join(folder, "out"), packed: () => ({ keep: 2, of: 4 }) };
      for await (const _ of calibrate(model, windows, options));
    };
    await expect(run()).rejects.toMatchObject({
      code: "PATTERN",
      message: expect.stringContaining("model.layers.0.self_attn.q_proj.weight"),
    });
    const signed = await openModel(
      await randomCheckpoint({ edit: (name, values) => name.endsWith("proj.weight") && values.fill(-0) }),
      { device },
    );
    await expect(packModel(signed, join(folder, "signed"))).rejects.toThrow(/q_proj\.weight.*−0/);
    await signed.dispose();
  });
});
