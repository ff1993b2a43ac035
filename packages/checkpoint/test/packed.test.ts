import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { memorySource } from "@denoise-rotator/hub";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CheckpointEntry,
  CheckpointError,
  CheckpointWriter,
  openCheckpoint,
  openSafetensors,
  type PackedPattern,
  packedConfig,
  packRows,
  unpackRows,
} from "../src/index.js";
import { isPackedConfig, plainConfig } from "../src/packed/packed-config.js";
import { temporaryFolder } from "./support.js";

const folder = await temporaryFolder();
const twoOfFour: PackedPattern = { keep: 2, of: 4 };

const patterns = fc
  .integer({ min: 2, max: 16 })
  .chain((of) => fc.record({ of: fc.constant(of), keep: fc.integer({ min: 1, max: of - 1 }) }));

/**
 * Rows of bits in which every group has at most N that are not +0, −0 and subnormal numbers among them, in blocks of rows at the
 * same places.
 */
const rowsOf = (Bits: Uint16ArrayConstructor | Uint32ArrayConstructor) =>
  fc
    .record({
      pattern: patterns,
      height: fc.constantFrom(1, 1, 2, 3),
      blocks: fc.integer({ min: 0, max: 3 }),
      groups: fc.integer({ min: 1, max: 9 }),
    })
    .chain(({ pattern, height, blocks, groups }) => {
      const value = fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: 0, max: 0x7f00 }) },
        fc.constant(Bits.BYTES_PER_ELEMENT === 2 ? 0x8000 : 0x80000000),
      );
      const size = height * pattern.keep;
      const group = fc.tuple(
        fc.shuffledSubarray([...Array(pattern.of).keys()], { maxLength: pattern.keep }),
        fc.array(value, { minLength: size, maxLength: size }),
      );
      const count = blocks * groups;
      const columns = groups * pattern.of;
      return fc.array(group, { minLength: count, maxLength: count }).map((all) => {
        const bits = new Bits(count * height * pattern.of);
        all.forEach(([places, values], at) => {
          for (let row = 0; row < height; row++) {
            const start = (Math.floor(at / groups) * height + row) * columns + (at % groups) * pattern.of;
            places.forEach((place, i) => {
              bits[start + place] = values[row * pattern.keep + i]!;
            });
          }
        });
        return { pattern: height === 1 ? pattern : { ...pattern, rows: height }, columns, bits };
      });
    });

describe.each([Uint16Array, Uint32Array] as const)("packed rows of %o", (Bits) => {
  it("should restore every bit, in the bytes the format says, and give the same bytes again", () => {
    fc.assert(
      fc.property(rowsOf(Bits), ({ columns, bits, ...sample }) => {
        const pattern: PackedPattern = sample.pattern;
        const packed = packRows(bits, columns, pattern);
        if ("unpackable" in packed) throw new Error("the rows have the pattern");
        const rows = bits.length / columns;
        const kept = (columns / pattern.of) * pattern.keep;
        expect(packed.values).toHaveLength(rows * kept);
        expect(packed.positions).toHaveLength(
          (rows / (pattern.rows ?? 1)) * Math.ceil((kept * Math.ceil(Math.log2(pattern.of))) / 8),
        );
        const dense = unpackRows(packed, columns, pattern, { where: "w" });
        expect(dense).toEqual(bits);
        expect(packRows(dense, columns, pattern)).toEqual(packed);
      }),
    );
  });

  it("should say where too many weights are kept", () => {
    const bits = Bits.of(1, 0, 0, 2, /**/ 0, 1, 2, 3);
    expect(packRows(bits, 8, twoOfFour)).toEqual({ unpackable: { index: 4, negativeZero: false } });
    const zero = Bits.BYTES_PER_ELEMENT === 2 ? 0x8000 : 0x80000000;
    const signed = Bits.of(1, zero, 0, 2);
    expect(packRows(signed, 4, twoOfFour)).toEqual({ unpackable: { index: 0, negativeZero: true } });
    const pair = { ...twoOfFour, rows: 2 };
    const apart = Bits.of(1, 2, 0, 0, /**/ 1, 0, 0, 0, /**/ 3, 0, 0, 4, /**/ 0, 1, 0, 0);
    expect(packRows(apart, 4, twoOfFour)).toHaveProperty("values");
    expect(packRows(apart, 4, pair)).toEqual({ unpackable: { index: 8, negativeZero: false } });
    const below = Bits.of(1, 2, 0, 0, /**/ 0, 0, zero, 0);
    expect(packRows(below, 4, pair)).toEqual({ unpackable: { index: 0, negativeZero: true } });
  });
});

/** `[rows, columns]` in 2:4 that every dtype stores exactly. */
const sparse = (rows: number, columns: number) =>
  Float32Array.from({ length: rows * columns }, (_, i) => ((i >> 2) % 3 === i % 3 ? (i % 128) - 64.5 : 0));

describe("a checkpoint with packed weights", () => {
  const entries: CheckpointEntry[] = [
    { name: "embedding", dtype: "bf16", shape: [3, 4] },
    { name: "a.weight", dtype: "bf16", shape: [5, 8], packed: twoOfFour },
    { name: "ids", dtype: "i64", shape: [1] },
    { name: "b.weight", dtype: "f32", shape: [2, 12], packed: twoOfFour },
    { name: "c.weight", dtype: "f16", shape: [4, 16], packed: { keep: 4, of: 8 } },
    { name: "d.weight", dtype: "bf16", shape: [6, 24], packed: { keep: 2, of: 4, rows: 3 } },
  ];
  const weights = entries.filter(({ packed }) => packed);

  async function write(path: string, plain: boolean, maxShardBytes = 1e9) {
    const { mkdir } = await import("node:fs/promises");
    await mkdir(path);
    const config = { model_type: "llama", architectures: ["LlamaForCausalLM"] };
    const names = { family: "llama", className: "Llama", module: "m" };
    await writeFile(join(path, "config.json"), JSON.stringify(plain ? config : packedConfig(config, names)));
    const layout = plain ? entries.map(({ packed: _, ...entry }) => entry) : entries;
    await using writer = await CheckpointWriter.create(path, layout, { maxShardBytes });
    await writer.write("embedding", new Float32Array(12).fill(1.5));
    await writer.write("ids", new Uint8Array(8).fill(7));
    for (const { name, shape, packed } of weights) {
      const [rows, columns] = shape as [number, number];
      const values = sparse(rows, columns);
      const first = packed?.rows ?? 1;
      await writer.writeRows(name, 0, values.subarray(0, first * columns));
      await writer.writeRows(name, first, values.subarray(first * columns));
    }
    await writer.finish();
    return openCheckpoint(path);
  }

  it.each([
    ["one file", 1e9],
    ["a file for every tensor", 1],
  ])("should read as the plain one does, from %s", async (what, maxShardBytes) => {
    await using packed = await write(join(folder, what), false, maxShardBytes);
    await using plain = await write(join(folder, `plain ${what}`), true);
    expect(new Set(packed.names)).toEqual(new Set(plain.names));
    if (maxShardBytes > 1) expect(packed.names).toEqual(plain.names);
    expect(packed.config).toEqual(plain.config);
    for (const name of plain.names) {
      expect(packed.shape(name)).toEqual(plain.shape(name));
      expect(packed.dtype(name)).toBe(plain.dtype(name));
      expect(packed.has(name)).toBe(true);
      expect(await packed.read(name)).toEqual(await plain.read(name));
    }
    for (const { name, packed: pattern, shape } of weights) {
      expect(packed.packing?.(name)).toEqual(pattern);
      expect(packed.weightDType(name)).toBe(plain.weightDType(name));
      expect(await packed.readFloat32(name)).toEqual(sparse(shape[0]!, shape[1]!));
      expect(await packed.readRows(name, 1, 2)).toEqual(await plain.readRows(name, 1, 2));
      const { values, positions } = (await packed.readPacked?.(name, 1, 2))!;
      const kept = Float32Array.from(values, (value) =>
        values instanceof Uint16Array ? new Float32Array(Uint32Array.of(value << 16).buffer)[0]! : value,
      );
      expect(values instanceof Uint16Array).toBe(packed.dtype(name) === "bf16");
      const of = { where: name, firstRow: 1 };
      const row = unpackRows({ values: kept, positions }, shape[1]!, pattern!, of);
      expect(row).toEqual(await plain.readRows(name, 1, 2));
    }
    expect(packed.packing?.("embedding")).toBeUndefined();
    await expect(packed.readPacked?.("embedding", 0, 1)).rejects.toMatchObject({ code: "PATTERN" });
    await expect(packed.readRows("a.weight", 4, 6)).rejects.toMatchObject({ code: "WRONG_SHAPE" });
  });

  it("should take 9/16 of the bytes of bf16 weights in 2:4", async () => {
    const shape = [64, 2048];
    const entry = { name: "w.weight", dtype: "bf16", shape, packed: twoOfFour } as const;
    const writer = await CheckpointWriter.create(folder, [entry]);
    await writer.write("w.weight", sparse(64, 2048));
    await writer.finish();
    const file = join(folder, "model.safetensors");
    const { tensors } = await openSafetensors(memorySource(await readFile(file), file));
    const bytes = [...tensors.values()].reduce((sum, { begin, end }) => sum + end - begin, 0);
    expect(bytes).toBe((9 / 16) * 2 * 64 * 2048);
    expect((await stat(file)).size - bytes).toBeLessThan(512);
  });

  it.each<[string, Partial<CheckpointEntry>, Float32Array | Uint8Array, string, RegExp]>([
    [
      "weights of another pattern",
      {},
      Float32Array.of(0, 0, 0, 0, 1, 2, 3, 0),
      "PATTERN",
      /4 weights from index 4 .* more than 2/,
    ],
    ["−0 that would be lost", {}, Float32Array.of(0, 0, 0, 0, 1, -0, 3, 0), "PATTERN", /−0/],
    ["NaN", {}, Float32Array.of(0, 0, 0, 0, 1, Number.NaN, 0, 0), "NON_FINITE", /NaN at index 5/],
    ["half a row", {}, Float32Array.of(1, 2, 3, 4), "WRONG_SHAPE", /given 4 values/],
    [
      "half a block of rows",
      { shape: [4, 8], packed: { ...twoOfFour, rows: 2 } },
      new Float32Array(8),
      "WRONG_SHAPE",
      /given 8 values, not whole blocks of 2 rows/,
    ],
    [
      "rows in no blocks",
      { shape: [3, 8], packed: { ...twoOfFour, rows: 2 } },
      new Float32Array(24),
      "WRONG_SHAPE",
      /2:4\/2: .* outputs in blocks of 2/,
    ],
    [
      "rows that do not share positions",
      { shape: [2, 8], packed: { ...twoOfFour, rows: 2 } },
      Float32Array.of(1, 2, 0, 0, 1, 2, 0, 0, /**/ 0, 1, 0, 0, 0, 0, 3, 0),
      "PATTERN",
      /4 weights from index 4 on and those below them in 2 rows have more than 2/,
    ],
    ["bytes", {}, new Uint8Array(16), "WRONG_DTYPE", /give its values/],
    ["inputs in no groups", { shape: [1, 6] }, new Float32Array(6), "WRONG_SHAPE", /groups of 4/],
    ["a vector", { shape: [8] }, new Float32Array(8), "WRONG_SHAPE", /takes a matrix/],
    ["integers", { dtype: "u8" }, new Float32Array(8), "WRONG_SHAPE", /takes a matrix of weights/],
  ])("should refuse to pack %s, by the tensor's name", async (_, change, data, code, message) => {
    const entry = { name: "w.weight", dtype: "bf16", shape: [1, 8], packed: twoOfFour, ...change } as const;
    const error = await (async () => {
      await using writer = await CheckpointWriter.create(folder, [entry]);
      await writer.write("w.weight", data);
    })().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ code, message: expect.stringContaining("w.weight") });
    expect((error as Error).message).toMatch(message);
  });
});

describe("the configuration of a packed checkpoint", () => {
  it("should be the plain one again, key by key, in its order", () => {
    const names = { family: "qwen2", className: "Qwen2", module: "m" };
    for (const plain of [
      { architectures: ["Qwen2ForCausalLM"], hidden_size: 8, model_type: "qwen2", rope_theta: 1e6 },
      {
        model_type: "denoise_rotator_qwen2",
        auto_map: { AutoConfig: "m.C" },
        denoise_rotator: { version: 1 },
      },
    ]) {
      const packed = packedConfig(plain, names);
      expect(isPackedConfig(packed)).toBe(true);
      expect(isPackedConfig(plain)).toBe(false);
      expect(packed.model_type).toBe("denoise_rotator_packed_qwen2");
      expect(JSON.stringify(plainConfig("c", packed))).toBe(JSON.stringify(plain));
    }
  });
});
