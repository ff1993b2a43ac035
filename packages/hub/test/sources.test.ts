import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ByteSource, fileSource, HubError, httpSource, memorySource } from "../src/index.js";

const content = Uint8Array.from({ length: 5000 }, (_, i) => (i * 31) % 251);

/** What the local server does with a range request. */
type Behaviour = "honest" | "ignores" | "other-range" | "short" | "long" | "grows" | "missing" | "breaks";

let folder: string;
let server: Server;
let base: string;
const requests: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hub-sources-"));
  await writeFile(join(folder, "file.bin"), content);
  server = createServer((request, response) => {
    const behaviour = request.url!.slice(1) as Behaviour;
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "")!;
    const [first, last] = [Number(range[1]), Number(range[2])];
    requests.push(`${first}-${last}`);
    const probe = first === 0 && last === 0;
    if (behaviour === "missing") return void response.writeHead(404).end("no such thing");
    if (behaviour === "ignores") return void response.writeHead(200).end(content);
    const total = behaviour === "grows" && !probe ? content.length + 1 : content.length;
    const shift = behaviour === "other-range" && !probe ? 1 : 0;
    response.writeHead(206, { "content-range": `bytes ${first + shift}-${last + shift}/${total}` });
    const body = content.subarray(first, last + 1);
    if (probe) return void response.end(body);
    if (behaviour === "short") return void response.end(body.subarray(1));
    if (behaviour === "long") return void response.end(content);
    if (behaviour === "breaks") return void response.write(body.subarray(1), () => response.destroy());
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

const sources: Record<string, () => Promise<ByteSource>> = {
  memorySource: async () => memorySource(content, "memory"),
  fileSource: () => fileSource(join(folder, "file.bin")),
  httpSource: async () => httpSource(`${base}honest`),
};

describe.each(Object.entries(sources))("%s", (_, open) => {
  it("should give exactly the bytes of any range", async () => {
    const source = await open();
    expect(await source.size()).toBe(content.length);
    const range = fc
      .tuple(fc.nat(content.length), fc.nat(content.length))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    await fc.assert(
      fc.asyncProperty(range, async ([begin, end]) => {
        expect(await source.read(begin!, end! - begin!)).toEqual(content.slice(begin, end));
      }),
      { numRuns: 50 },
    );
    await source.close();
  });

  it.each([
    [0, 5001],
    [5000, 1],
    [-1, 2],
    [0.5, 1],
    [0, 2 ** 53],
    [2 ** 52, 2 ** 52],
    [Number.NaN, 1],
  ])("should refuse offset %d and length %d", async (offset, length) => {
    const source = await open();
    await expect(source.read(offset, length)).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
    await source.close();
  });

  it("should refuse to read after close, and take a second close", async () => {
    const source = await open();
    await source.close();
    await source.close();
    await expect(source.read(0, 1)).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("should give memory of the caller's own", async () => {
    const source = await open();
    (await source.read(0, 10)).fill(255);
    expect(await source.read(0, 10)).toEqual(content.slice(0, 10));
    await source.close();
  });
});

describe("fileSource", () => {
  it("should name a file that is not there, and a folder", async () => {
    await expect(fileSource(join(folder, "none"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(fileSource(folder)).rejects.toThrow(`${folder}: is not a file`);
  });

  it("should fail, not spin, on a file cut while open", async () => {
    const path = join(folder, "cut.bin");
    await writeFile(path, content);
    const source = await fileSource(path);
    await writeFile(path, content.subarray(0, 100));
    await expect(source.read(50, 100)).rejects.toMatchObject({ code: "READ_FAILED" });
    await source.close();
  });
});

describe("httpSource", () => {
  it("should ask for the size once and for each range once", async () => {
    requests.length = 0;
    const source = httpSource(`${base}honest`);
    await source.read(10, 5);
    await source.read(100, 1);
    expect(requests).toEqual(["0-0", "10-14", "100-100"]);
  });

  it.each([
    ["ignores", "NO_RANGE_SUPPORT"],
    ["other-range", "READ_FAILED"],
    ["short", "READ_FAILED"],
    ["long", "READ_FAILED"],
    ["grows", "SOURCE_CHANGED"],
    ["missing", "NOT_FOUND"],
    ["breaks", "READ_FAILED"],
  ])("should tell of a server that %s", async (behaviour, code) => {
    const error = await httpSource(base + behaviour)
      .read(10, 20)
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(HubError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(base) });
  });

  it("should tell of an address nobody answers at", async () => {
    await expect(httpSource("http://127.0.0.1:1/x").size()).rejects.toMatchObject({ code: "READ_FAILED" });
  });
});

describe("reading a file ahead", () => {
  it("should change nothing, stop when told to, and know the file's end", async () => {
    const source = await fileSource(join(folder, "file.bin"));
    try {
      await source.prefetch!(100, 4900);
      expect(await source.read(100, 4900)).toEqual(content.subarray(100));
      await expect(source.prefetch!(100, 4901)).rejects.toThrow(HubError);
      await expect(source.prefetch!(0, 10, AbortSignal.abort())).rejects.toThrow("aborted");
    } finally {
      await source.close();
    }
    await expect(source.prefetch!(0, 10)).rejects.toThrow(HubError);
  });
});
