import { HubError, memorySource } from "@denoise-rotator/hub";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CheckpointError, openSafetensors } from "../src/index.js";
import { limits } from "../src/limits.js";
import { countingSource, rawFile } from "./support.js";

const open = (bytes: Uint8Array) => openSafetensors(memorySource(bytes, "bad.safetensors"));
const f32 = (shape: number[], data_offsets: number[]) => ({ dtype: "F32", shape, data_offsets });

describe("openSafetensors", () => {
  it("should read the header and then only what is asked for", async () => {
    const bytes = rawFile(
      { a: f32([4, 3], [0, 48]), b: { dtype: "I64", shape: [2], data_offsets: [48, 64] } },
      64,
    );
    const start = bytes.length - 64;
    const source = countingSource(bytes);
    const file = await openSafetensors(source);
    expect(source.reads).toEqual([
      [0, 8],
      [8, start - 8],
    ]);
    expect([...file.tensors]).toEqual([
      ["a", { dtype: "f32", shape: [4, 3], begin: start, end: start + 48 }],
      ["b", { dtype: "i64", shape: [2], begin: start + 48, end: start + 64 }],
    ]);
    source.reads.length = 0;
    expect((await file.readRows("a", 1, 3)).length).toBe(6);
    expect((await file.read("b")).bytes).toEqual(bytes.slice(start + 48));
    expect(await file.readRows("a", 2, 2)).toEqual(new Float32Array(0));
    expect(source.reads).toEqual([
      [start + 12, 24],
      [start + 48, 16],
    ]);
  });

  it("should keep metadata, empty tensors and scalars", async () => {
    const header = { __metadata__: { format: "pt" }, e: f32([0, 5], [0, 0]), s: f32([], [0, 4]) };
    const file = await open(rawFile(header, 4));
    expect([...file.metadata]).toEqual([["format", "pt"]]);
    expect(await file.readFloat32("e")).toHaveLength(0);
    expect(await file.readFloat32("s")).toHaveLength(1);
  });

  const oversized = rawFile({}, 0);
  new DataView(oversized.buffer).setBigUint64(0, BigInt(limits.headerBytes) + 1n, true);
  const beyond = rawFile({}, 0);
  new DataView(beyond.buffer).setBigUint64(0, 3n, true);
  const invalidUtf8 = rawFile({}, 2).with(8, 0x7b).with(9, 0xff);
  it.each<[string, Uint8Array, string]>([
    ["empty file", new Uint8Array(0), "too few"],
    ["oversized header", oversized, "more than the limit"],
    ["header beyond the file", beyond, "truncated"],
    ["header that is no JSON", rawFile('{"a":', 0), "not valid JSON"],
    ["header that is no UTF-8", invalidUtf8, "not valid JSON"],
    ["header that is a list", rawFile("[]", 0), "does not start with {"],
    [
      "same name twice",
      rawFile('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{}}', 1),
      '"a" twice',
    ],
    [
      "same key twice",
      rawFile('{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}', 1),
      "twice",
    ],
    ["metadata not of strings", rawFile({ __metadata__: { n: 1 } }, 0), "__metadata__"],
    [
      "unknown dtype",
      rawFile({ a: { ...f32([1], [0, 4]), dtype: "Q4" } }, 4),
      'tensor "a" has the unknown dtype "Q4"',
    ],
    ["dtype in lower case", rawFile({ a: { ...f32([1], [0, 4]), dtype: "f32" } }, 4), "unknown dtype"],
    [
      "dtype of the prototype",
      rawFile({ a: { ...f32([1], [0, 4]), dtype: "toString" } }, 4),
      "unknown dtype",
    ],
    ["negative size", rawFile({ a: f32([-1], [0, 4]) }, 4), 'tensor "a" has a shape'],
    ["fractional size", rawFile({ a: f32([1.5], [0, 6]) }, 6), "shape"],
    ["too many axes", rawFile({ a: f32(new Array(17).fill(1), [0, 4]) }, 4), "17 axes"],
    ["overflowing shape", rawFile({ a: f32([2 ** 30, 2 ** 30], [0, 4]) }, 4), "cannot be counted"],
    ["shape that lies", rawFile({ a: f32([2], [0, 4]) }, 4), "needs 8 bytes"],
    ["offsets reversed", rawFile({ a: f32([1], [4, 0]) }, 4), "needs 4 bytes"],
    ["offsets beyond the file", rawFile({ a: f32([1], [0, 4]) }, 3), "ends at byte"],
    ["overlap", rawFile({ a: f32([2], [0, 8]), b: f32([1], [4, 8]) }, 8), 'tensor "b" overlaps tensor "a"'],
    ["same bytes twice", rawFile({ a: f32([1], [0, 4]), b: f32([1], [0, 4]) }, 4), "overlaps"],
    ["hole", rawFile({ a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 12), "hole"],
    ["bytes at the end", rawFile({ a: f32([1], [0, 4]) }, 5), "1 bytes after the last"],
    ["half bytes", rawFile({ a: { dtype: "F4", shape: [3], data_offsets: [0, 2] } }, 2), "cannot be counted"],
    [
      "dtype of a hundred thousand lists",
      rawFile(`{"a":{"dtype":${"[".repeat(1e5)}${"]".repeat(1e5)}}}`, 0),
      "no dtype",
    ],
    ["tensor that is null", rawFile({ a: null }, 0), "not described"],
  ])("should refuse: %s", async (_, bytes, message) => {
    const error = await open(bytes).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toContain("bad.safetensors: ");
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain("\n");
  });

  it("should never crash, hang or read beyond the file, whatever bytes are changed", async () => {
    const valid = rawFile(
      {
        __metadata__: { format: "pt" },
        "model.a": f32([3, 5], [0, 60]),
        "model.b": { dtype: "BF16", shape: [7], data_offsets: [60, 74] },
        "model.c": { dtype: "F16", shape: [2, 2], data_offsets: [74, 82] },
        "model.d": { dtype: "I32", shape: [1], data_offsets: [82, 86] },
      },
      86,
    );
    const edit = fc.tuple(
      fc.nat(valid.length - 1),
      fc.oneof(fc.constantFrom(...'{}[]",:0123456789\\'), fc.nat(255)),
    );
    const damage = fc.record({
      edits: fc.array(edit, { maxLength: 4 }),
      cut: fc.nat(valid.length),
      cuts: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ edits, cut, cuts }) => {
        const bytes = valid.slice(0, cuts ? cut : undefined);
        for (const [at, byte] of edits) {
          if (at < bytes.length) bytes[at] = typeof byte === "string" ? byte.charCodeAt(0) : byte;
        }
        const source = countingSource(bytes);
        try {
          const file = await openSafetensors(source);
          for (const name of file.tensors.keys()) await file.readFloat32(name);
        } catch (error) {
          if (!(error instanceof CheckpointError || error instanceof HubError)) throw error;
          expect(error.message).not.toMatch(/\n|undefined|NaN bytes/);
        }
        for (const [offset, length] of source.reads)
          expect(offset + length).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 4000 },
    );
  });
});

describe("reading tensors", () => {
  const header = {
    w: { dtype: "BF16", shape: [2, 2], data_offsets: [0, 8] },
    i: { dtype: "I64", shape: [1], data_offsets: [8, 16] },
  };

  it("should name a tensor that is not there, and the closest one", async () => {
    const file = await open(rawFile({ "layers.0.weight": f32([1], [0, 4]) }, 4));
    await expect(file.readFloat32("layers.0.weigth")).rejects.toThrow('did you mean "layers.0.weight"?');
  });

  it("should refuse to read integers as weights", async () => {
    const file = await open(rawFile(header, 16));
    await expect(file.readFloat32("i")).rejects.toMatchObject({
      code: "WRONG_DTYPE",
      message: expect.stringContaining('tensor "i" is i64'),
    });
  });

  it("should name the first NaN, unless told to let it pass", async () => {
    const bytes = rawFile(header, 16);
    bytes.set([0xc0, 0x7f], bytes.length - 16 + 4);
    const file = await open(bytes);
    await expect(file.readFloat32("w")).rejects.toMatchObject({
      code: "NON_FINITE",
      message: 'bad.safetensors: tensor "w" holds NaN at index 2; its weights must be finite',
    });
    expect((await file.readFloat32("w", { allowNonFinite: true }))[2]).toBeNaN();
    expect(await file.readRows("w", 0, 1)).toHaveLength(2);
  });

  it.each([
    [-1, 1],
    [0, 3],
    [2, 1],
    [0.5, 1],
  ])("should refuse rows %d to %d of two", async (begin, end) => {
    const file = await open(rawFile(header, 16));
    await expect(file.readRows("w", begin, end)).rejects.toMatchObject({ code: "WRONG_SHAPE" });
  });
});
