import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Row, readRows } from "../src/index.js";

const goldens = fileURLToPath(new URL("../../../goldens/datasets/", import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "datasets-rows-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function collect(path: string, columns?: readonly string[]): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of readRows(path, columns)) rows.push(row);
  return rows;
}
async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

describe("readRows", () => {
  it.each(["none", "snappy", "gzip", "zstd", "brotli", "lz4"])(
    "should read what pyarrow wrote into parquet, compression %s",
    async (compression) => {
      const golden = JSON.parse(await readFile(join(goldens, "golden.json"), "utf8"));
      const path = join(goldens, `${compression}.parquet`);
      expect(await collect(path)).toEqual(golden.rows);
      expect(await collect(path, ["text", "id"])).toEqual(
        golden.rows.map(({ text, id }: Row) => ({ text, id })),
      );
    },
  );

  it("should read any rows from lines and from a list, plain and compressed", async () => {
    const value = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 5 }), fc.boolean(), async (rows, compressed) => {
        const plain = JSON.parse(JSON.stringify(rows));
        const pack = (text: string) => (compressed ? gzipSync(text) : text);
        const ending = compressed ? ".gz" : "";
        const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join("\n");
        expect(await collect(await file(`lines.jsonl${ending}`, pack(lines)))).toEqual(plain);
        expect(await collect(await file(`lines.json${ending}`, pack(lines)))).toEqual(plain);
        const list = ` ${JSON.stringify(rows, undefined, 1)}`;
        expect(await collect(await file(`list.json${ending}`, pack(list)))).toEqual(plain);
      }),
      { numRuns: 30 },
    );
  });

  it("should read a row a line of text", async () => {
    const path = await file("a.txt", "one\r\n\ntwo ö\nlast");
    expect(await collect(path, ["text"])).toEqual(["one", "", "two ö", "last"].map((text) => ({ text })));
  });

  it("should name file and row of what cannot be read", async () => {
    const parquet = new Uint8Array(await readFile(join(goldens, "snappy.parquet")));
    const compressed = gzipSync("{}\n".repeat(50));
    const cases: [string, string | Uint8Array, RegExp][] = [
      ["cut.parquet", parquet.subarray(0, parquet.length - 20), /cut\.parquet: cannot be read/],
      [
        "zero.parquet",
        parquet.map((byte, i) => (i > 4 && i < 2000 ? 0 : byte)),
        /zero\.parquet, row group 0: cannot be read/,
      ],
      [
        "cut.jsonl.gz",
        compressed.subarray(0, compressed.length - 12),
        /cut\.jsonl\.gz: cannot be read .*incomplete/,
      ],
      ["plain.jsonl.gz", "{}\n", /plain\.jsonl\.gz: cannot be read/],
      ["latin.txt", Uint8Array.of(0x66, 0xfc, 0x72), /latin\.txt: cannot be read/],
      ["a.jsonl", '{"a":1}\n{"a":', /a\.jsonl, line 2: is no JSON/],
      ["b.jsonl", "{}\n\n3", /b\.jsonl, line 3: is no object of columns/],
      ["c.json", "[1]", /c\.json, row 0: is no object of columns/],
      ["d.csv", "a,b", /d\.csv: rows are read from \.parquet, \.jsonl/],
    ];
    for (const [name, content, message] of cases)
      await expect(collect(await file(name, content)), name).rejects.toThrow(message);
    await expect(collect(join(folder, "none.jsonl"))).rejects.toThrow(/none\.jsonl: no such file/);
    await expect(collect(join(folder, "none.parquet"))).rejects.toThrow(/none\.parquet: no such file/);
    await expect(collect(join(goldens, "none.parquet"), ["txt"])).rejects.toThrow(
      /none\.parquet: has no column txt; it has id, text, score, choices, flags/,
    );
    await expect(collect(await file("e.jsonl", '{"a":1,"b":2}'), ["text"])).rejects.toThrow(
      /e\.jsonl, line 1: has no column text; it has a, b/,
    );
  });
});
