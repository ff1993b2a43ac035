import { memorySource } from "@denoise-rotator/hub";
import { describe, expect, it } from "vitest";
import { CheckpointError, openCheckpoint } from "../src/index.js";
import { packedConfigJson, packedDataBytes, packedFile, packedHeader } from "./packed-file.js";

describe("packed files from strangers", () => {
  type Header = ReturnType<typeof packedHeader>;
  const open = (bytes: Uint8Array, config: unknown = packedConfigJson) =>
    openCheckpoint("m", {
      openSource: async (path) => {
        if (path.endsWith("config.json")) {
          return memorySource(new TextEncoder().encode(JSON.stringify(config)), path);
        }
        return memorySource(bytes, path);
      },
    });
  const list = (value: unknown) => ({ denoise_rotator_packed: JSON.stringify(value) });

  it("should be read where they are whole", async () => {
    await using checkpoint = await open(packedFile());
    expect(checkpoint.names).toEqual(["norm.weight", "q.weight"]);
    const row = [784, 784, 0, 0, 784, 784, 0, 0];
    expect([...(await checkpoint.readRows("q.weight", 1, 3))]).toEqual([...row, ...row]);
    expect(checkpoint.config).toEqual({
      model_type: "llama",
      architectures: ["LlamaForCausalLM"],
      hidden_size: 8,
    });
  });

  it.each<[string, number, RegExp]>([
    ["two equal positions", 0x45, /row 2, group 0: position 1 follows 1/],
    ["descending ones", 0x41, /row 2, group 0: position 0 follows 1/],
    ["descending ones in the second group", 0x14, /row 2, group 1: position 0 follows 1/],
  ])("should be refused for %s", async (_, byte, message) => {
    const bytes = packedFile();
    bytes[bytes.length - 2] = byte;
    await using checkpoint = await open(bytes);
    for (const read of [
      checkpoint.readFloat32("q.weight"),
      checkpoint.readRows("q.weight", 1, 3),
      checkpoint.readPacked!("q.weight", 2, 3),
    ]) {
      await expect(read).rejects.toMatchObject({
        code: "MALFORMED",
        message: expect.stringMatching(/q\.weight/),
      });
      await expect(read).rejects.toThrow(message);
    }
    expect((await checkpoint.readRows("q.weight", 0, 2)).length).toBe(16);
  });

  it("should be read where rows share positions, from any row on, and refused by the first of them", async () => {
    const bytes = packedFile(packedHeader(2), packedDataBytes(2));
    {
      await using checkpoint = await open(bytes);
      expect(checkpoint.packing?.("q.weight")).toEqual({ keep: 2, of: 4, rows: 2 });
      const row = [784, 784, 0, 0, 784, 784, 0, 0];
      expect([...(await checkpoint.readRows("q.weight", 1, 4))]).toEqual([...row, ...row, ...row]);
      expect((await checkpoint.readPacked!("q.weight", 1, 3)).positions).toHaveLength(2);
      expect((await checkpoint.readPacked!("q.weight", 2, 4)).positions).toHaveLength(1);
    }
    bytes[bytes.length - 1] = 0x41;
    await using damaged = await open(bytes);
    await expect(damaged.readRows("q.weight", 3, 4)).rejects.toThrow(
      /q\.weight.*row 2, group 0: position 0 follows 1/,
    );
    expect((await damaged.readRows("q.weight", 0, 2)).length).toBe(16);
  });

  it("should be refused for NaN among the kept values", async () => {
    const bytes = packedFile();
    bytes.set([0xc0, 0x7f], bytes.length - 4 - 6);
    await using checkpoint = await open(bytes);
    await expect(checkpoint.readFloat32("q.weight")).rejects.toThrow(/q\.weight.* NaN at index 13/);
    await expect(checkpoint.readPacked!("q.weight", 3, 4)).rejects.toThrow(/q\.weight.* NaN at index 13/);
  });

  it.each<[string, (header: Header) => unknown, string, RegExp]>([
    [
      "a partner that is missing",
      ({ "q.weight_positions": positions, ...rest }) => ({ ...rest, other: positions }),
      "MISSING_TENSOR",
      /packed weight "q\.weight".* no tensor "q\.weight_positions"/,
    ],
    [
      "values that are missing",
      ({ "q.weight_values": values, ...rest }) => ({ ...rest, other: values }),
      "MISSING_TENSOR",
      /packed weight "q\.weight".* no tensor "q\.weight_values"/,
    ],
    [
      "sizes that disagree",
      (header) => ({ ...header, "q.weight_values": { ...header["q.weight_values"], shape: [2, 8] } }),
      "WRONG_SHAPE",
      /q\.weight_positions" is u8 \[4,1\].* needs u8 \[2,2\]/,
    ],
    [
      "values in half a group",
      (header) => ({ ...header, "q.weight_values": { ...header["q.weight_values"], shape: [16, 1] } }),
      "WRONG_SHAPE",
      /q\.weight_values" is \[16,1\]/,
    ],
    [
      "positions of another dtype",
      (header) => ({ ...header, "q.weight_positions": { ...header["q.weight_positions"], dtype: "I8" } }),
      "WRONG_DTYPE",
      /q\.weight_positions" is i8/,
    ],
    [
      "values of another dtype",
      (header) => ({ ...header, "q.weight_values": { ...header["q.weight_values"], dtype: "I16" } }),
      "WRONG_DTYPE",
      /q\.weight_values" is i16/,
    ],
    [
      "a weight stored twice",
      (header) => ({
        ...header,
        __metadata__: list({ version: 1, tensors: { "q.weight": "2:4", "norm.weight": "2:4" } }),
      }),
      "DUPLICATE_TENSOR",
      /norm\.weight" \(2:4\) plain too/,
    ],
    [
      "a pattern that is none",
      (header) => ({ ...header, __metadata__: list({ version: 1, tensors: { "q.weight": "4:2" } }) }),
      "PATTERN",
      /"q\.weight".*"4:2"/,
    ],
    [
      "a later version",
      (header) => ({ ...header, __metadata__: list({ version: 3, tensors: {} }) }),
      "MALFORMED",
      /version 3.*update/,
    ],
    [
      "shared positions in the version before them",
      (header) => ({ ...header, __metadata__: list({ version: 1, tensors: { "q.weight": "2:4/2" } }) }),
      "MALFORMED",
      /"q\.weight".*version 1.*2:4\/2/,
    ],
    [
      "a position row for every row where rows share them",
      (header) => ({ ...header, __metadata__: list({ version: 2, tensors: { "q.weight": "2:4/2" } }) }),
      "WRONG_SHAPE",
      /q\.weight_positions" is u8 \[4,1\].*2:4\/2.* needs u8 \[2,1\]/,
    ],
    [
      "rows in no blocks",
      (header) => ({ ...header, __metadata__: list({ version: 2, tensors: { "q.weight": "2:4/3" } }) }),
      "WRONG_SHAPE",
      /q\.weight_values".*2:4\/3.*whole blocks of 3 rows/,
    ],
    [
      "blocks of no rows",
      (header) => ({ ...header, __metadata__: list({ version: 2, tensors: { "q.weight": "2:4/0" } }) }),
      "PATTERN",
      /"2:4\/0"/,
    ],
    ["no version", (header) => ({ ...header, __metadata__: list({ tensors: {} }) }), "MALFORMED", /version/],
    ["no list", (header) => ({ ...header, __metadata__: list({ version: 1 }) }), "MALFORMED", /no tensors/],
    [
      "metadata that are no JSON",
      (header) => ({ ...header, __metadata__: { denoise_rotator_packed: "{" } }),
      "MALFORMED",
      /not valid JSON/,
    ],
    [
      "metadata that are no object",
      (header) => ({ ...header, __metadata__: list([]) }),
      "MALFORMED",
      /must hold a JSON object/,
    ],
    [
      "no metadata",
      ({ __metadata__: _, ...rest }) => rest,
      "MALFORMED",
      /says that weights are stored packed, but no file/,
    ],
  ])("should be refused for %s", async (_, change, code, message) => {
    const error = await open(packedFile(change(packedHeader()))).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ["that is plain", { model_type: "llama" }, "MALFORMED", /lists packed weights, of which config\.json/],
    ["without our key", { model_type: "denoise_rotator_packed_llama" }, "CONFIG", /is missing/],
    [
      "of a later version",
      { ...packedConfigJson, denoise_rotator_packed: { version: 2 } },
      "MALFORMED",
      /version 2.*update/,
    ],
    [
      "without what was replaced",
      { ...packedConfigJson, denoise_rotator_packed: { version: 1 } },
      "CONFIG",
      /denoise_rotator_packed\.replaces is missing/,
    ],
  ])("should be refused for a configuration %s", async (_, config, code, message) => {
    await expect(open(packedFile(), config)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});
