import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fromBFloat16, fromFloat16, toBFloat16, toFloat16 } from "@denoise-rotator/core";
import { fileSource } from "@denoise-rotator/hub";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import {
  CheckpointWriter,
  createSafetensors,
  openCheckpoint,
  openSafetensors,
  planShards,
} from "../src/index.js";
import { rawFile, temporaryFolder } from "./support.js";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});
let count = 0;
const fresh = async () => {
  const path = join(folder, String(count++));
  await mkdir(path);
  await writeFile(join(path, "config.json"), '{"model_type":"llama"}');
  return path;
};

const rounded = {
  f32: (x: number) => x,
  f16: (x: number) => fromFloat16(toFloat16(x)),
  bf16: (x: number) => fromBFloat16(toBFloat16(x)),
};

describe("CheckpointWriter and openCheckpoint", () => {
  const tensor = fc.record({
    dtype: fc.constantFrom("f32", "f16", "bf16"),
    shape: fc.array(fc.nat(6), { maxLength: 3 }),
    name: fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }),
  });
  const cases = fc.record({
    tensors: fc.uniqueArray(tensor, { selector: (t) => t.name, minLength: 1, maxLength: 6 }),
    maxShardBytes: fc.integer({ min: 1, max: 400 }),
    seed: fc.nat(),
  });

  it("should give back what was written, for all dtypes, shapes and shards", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ tensors, maxShardBytes, seed }) => {
        fc.pre(tensors.every((t) => t.name !== "__metadata__"));
        const path = await fresh();
        const values = new Map(
          tensors.map(({ name, shape }, t) => {
            const length = shape.reduce((a, b) => a * b, 1);
            return [
              name,
              Float32Array.from({ length }, (_, i) => Math.sin(seed + t * 31 + i) * 10 ** ((i % 7) - 4)),
            ];
          }),
        );
        await using writer = await CheckpointWriter.create(path, tensors, { maxShardBytes });
        await Promise.all(tensors.toReversed().map(({ name }) => writer.write(name, values.get(name)!)));
        await writer.finish();
        const files = (await readdir(path)).filter((file) => file.endsWith(".safetensors"));
        expect(files.sort()).toEqual([...writer.layout.keys()]);

        await using checkpoint = await openCheckpoint(path);
        expect(checkpoint.names.sort()).toEqual(tensors.map((t) => t.name).sort());
        for (const { name, dtype, shape } of tensors) {
          expect([checkpoint.dtype(name), checkpoint.shape(name)]).toEqual([dtype, shape]);
          const expected = values.get(name)!.map(rounded[dtype]);
          expect(await checkpoint.readFloat32(name)).toEqual(expected);
          if (shape.length > 0 && shape[0]! > 1) {
            const width = expected.length / shape[0]!;
            expect(await checkpoint.readRows(name, 1, shape[0]!)).toEqual(expected.slice(width));
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it("should lay shards out as Hugging Face does", async () => {
    const path = await fresh();
    const entries = ["a", "b", "c"].map((name) => ({ name, dtype: "bf16" as const, shape: [2, 2] }));
    await using writer = await CheckpointWriter.create(path, entries, { maxShardBytes: 16 });
    for (const { name } of entries) await writer.write(name, Float32Array.of(1, 2, 3, 4));
    await writer.finish();
    const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    expect(await readdir(path)).toEqual(["config.json", ...shards, "model.safetensors.index.json"]);
    expect(JSON.parse(await readFile(join(path, "model.safetensors.index.json"), "utf8"))).toEqual({
      metadata: { total_size: 24 },
      weight_map: { a: shards[0], b: shards[0], c: shards[1] },
    });
    await using file = await openSafetensors(await fileSource(join(path, shards[0]!)));
    expect([...file.metadata]).toEqual([["format", "pt"]]);
  });

  it("should open a shard only when it is needed, and close it", async () => {
    const path = await fresh();
    const entries = ["a", "b"].map((name) => ({ name, dtype: "f32" as const, shape: [2] }));
    const writer = await CheckpointWriter.create(path, entries, { maxShardBytes: 8 });
    for (const { name } of entries) await writer.write(name, Float32Array.of(1, 2));
    await writer.finish();
    const opened: string[] = [];
    let closed = 0;
    const openSource = async (file: string) => {
      const source = await fileSource(file);
      opened.push(file);
      const close = () => {
        closed++;
        return source.close();
      };
      return { ...source, close };
    };
    const checkpoint = await openCheckpoint(path, { openSource });
    expect(opened.length - closed).toBe(0);
    opened.length = closed = 0;
    await Promise.all([
      checkpoint.readFloat32("b"),
      checkpoint.readFloat32("b"),
      checkpoint.readRows("b", 0, 1),
    ]);
    expect(opened).toEqual([join(path, "model-00002-of-00002.safetensors")]);
    await checkpoint.close();
    expect(closed).toBe(1);
    await expect(checkpoint.readFloat32("a")).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("should leave nothing after abort", async () => {
    const path = await fresh();
    const entries = ["a", "b", "c"].map((name) => ({ name, dtype: "f32" as const, shape: [2] }));
    const writer = await CheckpointWriter.create(path, entries, { maxShardBytes: 8 });
    await writer.write("a", Float32Array.of(1, 2));
    await writer.writeRows("b", 0, Float32Array.of(1));
    await expect(writer.finish()).rejects.toMatchObject({ code: "INCOMPLETE" });
    await writer.abort();
    expect(await readdir(path)).toEqual(["config.json"]);
  });

  it("should keep the order and the bound of shards", () => {
    const entries = [3, 3, 9, 1, 1].map((n, i) => ({ name: `${i}`, dtype: "f32" as const, shape: [n] }));
    expect(planShards(entries, 24).map((shard) => shard.map((e) => e.name))).toEqual([
      ["0", "1"],
      ["2"],
      ["3", "4"],
    ]);
    expect(() => planShards(entries, 0)).toThrow("maxShardBytes");
  });
});

describe("createSafetensors", () => {
  const entries = [
    { name: "half", dtype: "f16", shape: [3] },
    { name: "full", dtype: "f32", shape: [2, 2] },
    { name: "ids", dtype: "i64", shape: [1] },
  ] as const;

  it("should align every tensor and pad the header to 8 bytes", async () => {
    const path = join(await fresh(), "x.safetensors");
    await using writer = await createSafetensors(path, entries, { metadata: { note: "odd" } });
    await writer.writeRows("full", 0, Float32Array.of(1, 2));
    await writer.write("ids", new Uint8Array(8).fill(1));
    await writer.writeRows("full", 1, Float32Array.of(3, 4));
    await writer.write("half", Float32Array.of(0.1, -0, 65519));
    await writer.finish();
    await using file = await openSafetensors(await fileSource(path));
    expect([...file.tensors].map(([name, t]) => [name, t.begin % 8])).toEqual([
      ["ids", 0],
      ["full", 0],
      ["half", 0],
    ]);
    expect(await file.readFloat32("full")).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(await file.readFloat32("half")).toEqual(Float32Array.of(rounded.f16(0.1), -0, 65504));
    expect((await file.read("ids")).bytes).toEqual(new Uint8Array(8).fill(1));
  });

  it.each<[string, "f32" | "f16" | "bf16", number, string]>([
    ["NaN", "f32", Number.NaN, "NON_FINITE"],
    ["infinity", "bf16", Number.POSITIVE_INFINITY, "NON_FINITE"],
    ["too much for f16", "f16", -65520, "OVERFLOW"],
    ["too much for bf16", "bf16", 3.4e38, "OVERFLOW"],
  ])("should refuse %s by the tensor's name, and never finish then", async (_, dtype, value, code) => {
    const path = await fresh();
    const writer = await createSafetensors(join(path, "x"), [{ name: "w", dtype, shape: [2] }]);
    const error = await writer.write("w", Float32Array.of(1, value)).catch((e: unknown) => e);
    expect(error).toMatchObject({ code, message: expect.stringMatching(/tensor "w" holds .* at index 1/) });
    await expect(writer.finish()).rejects.toMatchObject({ code: "INCOMPLETE" });
    await writer.abort();
    expect(await readdir(path)).toEqual(["config.json"]);
  });

  it("should refuse what does not fit its layout", async () => {
    const path = join(await fresh(), "x");
    await using writer = await createSafetensors(path, entries);
    await expect(writer.write("hafl", Float32Array.of(1))).rejects.toThrow('did you mean "half"?');
    await expect(writer.write("half", Float32Array.of(1))).rejects.toMatchObject({ code: "WRONG_SHAPE" });
    await expect(writer.write("ids", Float32Array.of(1))).rejects.toMatchObject({ code: "WRONG_DTYPE" });
    await expect(writer.writeRows("full", 1, Float32Array.of(1, 2))).rejects.toMatchObject({
      code: "INCOMPLETE",
    });
    await expect(writer.writeRows("full", 0, Float32Array.of(1))).rejects.toMatchObject({
      code: "WRONG_SHAPE",
    });
    await writer.write("half", Float32Array.of(1, 2, 3));
    await expect(writer.write("half", Float32Array.of(1, 2, 3))).rejects.toMatchObject({
      code: "DUPLICATE_TENSOR",
    });
    await expect(createSafetensors(path, [entries[0], entries[0]])).rejects.toMatchObject({
      code: "DUPLICATE_TENSOR",
    });
    const negative = { name: "n", dtype: "f32", shape: [-1] } as const;
    await expect(createSafetensors(path, [negative])).rejects.toMatchObject({ code: "WRONG_SHAPE" });
    await expect(createSafetensors(join(path, "no", "x"), entries)).rejects.toMatchObject({
      code: "WRITE_FAILED",
    });
  });
});

describe("openCheckpoint", () => {
  const index = (path: string, weight_map: unknown) =>
    writeFile(join(path, "model.safetensors.index.json"), JSON.stringify({ weight_map }));
  const u8 = { dtype: "U8", shape: [1], data_offsets: [0, 1] };

  it("should name what is missing", async () => {
    await expect(openCheckpoint(join(folder, "none"))).rejects.toThrow("no such directory");
    const path = await fresh();
    await expect(openCheckpoint(path)).rejects.toThrow("neither model.safetensors nor");
    await expect(openCheckpoint(join(path, "config.json"))).rejects.toThrow("is a file");
    await index(path, { a: "model-00001-of-00001.safetensors" });
    await expect(openCheckpoint(path)).rejects.toThrow("has no model-00001-of-00001.safetensors");
    await writeFile(join(path, "model-00001-of-00001.safetensors"), rawFile({ b: u8 }, 1));
    await expect(openCheckpoint(path)).rejects.toThrow('has no tensor "a"');
  });

  it.each([
    "../x.safetensors",
    "/x.safetensors",
    "a/x.safetensors",
    "a\\x.safetensors",
    "..",
    "x.bin",
    7,
    null,
  ])("should refuse an index that names the shard %j", async (shard) => {
    const path = await fresh();
    await index(path, { a: shard });
    await expect(openCheckpoint(path)).rejects.toMatchObject({
      code: "MALFORMED",
      message: expect.stringContaining('weight_map puts "a" into'),
    });
  });

  it("should refuse JSON that is damaged, and an index without a map", async () => {
    const path = await fresh();
    await index(path, [1]);
    await expect(openCheckpoint(path)).rejects.toThrow("weight_map must be an object");
    await writeFile(join(path, "config.json"), "{");
    await expect(openCheckpoint(path)).rejects.toThrow("config.json: is not valid JSON");
    await writeFile(join(path, "config.json"), "[]");
    await expect(openCheckpoint(path)).rejects.toThrow("must hold a JSON object");
  });

  it("should read the embedded model", async () => {
    const data = fileURLToPath(new URL("../../tiny-llama/data/", import.meta.url));
    const path = join(folder, "tiny");
    await cp(data, path, { recursive: true, filter: (file) => !file.endsWith(".br") });
    await using checkpoint = await openCheckpoint(path);
    let parameters = 0;
    for (const name of checkpoint.names) parameters += (await checkpoint.readFloat32(name)).length;
    expect(parameters).toBe(3_082_496);
    const rows = await checkpoint.readRows("model.embed_tokens.weight", 10, 12);
    const all = await checkpoint.readFloat32("model.embed_tokens.weight");
    expect(rows).toEqual(all.slice(2560, 3072));
  });
});
