import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HubServer, serveHub, sha256 } from "@denoise-rotator/testing/hub-server";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HubError, type HubProgress, HubRepository, type OpenRepositoryOptions } from "../src/index.js";

const large = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251);
const small = '{ "model_type": "llama" }';
const name = "org/model";
const token = "token-of-any-form";

let server: HubServer;
let folder: string;
let cache: string;
/** An address where nobody listens. */
let nobody: string;
let notices: string[];
let run = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hub-repository-"));
  server = await serveHub(
    [
      {
        name,
        files: {
          "config.json": small,
          "model.safetensors": large,
          "sub/notes.txt": "notes",
          "empty.txt": "",
        },
        revisions: ["main", "v1", "refs/pr/1"],
      },
      { name: "org/gated", files: { "config.json": small }, gated: true },
      { name: "org/rows", type: "dataset", files: { "data/test.parquet": large } },
    ],
    { token, pageSize: 2 },
  );
  const gone = await serveHub([]);
  nobody = gone.url;
  await gone.close();
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  cache = join(folder, `cache-${run++}`);
  notices = [];
  server.requests.length = 0;
  server.heal();
});

const options = (more: OpenRepositoryOptions & { variables?: Record<string, string> } = {}) => {
  const { variables, ...rest } = more;
  return {
    environment: { HF_ENDPOINT: server.url, HF_HUB_CACHE: cache, HF_HOME: folder, ...variables },
    patience: { firstWait: 1, silence: 500, attempts: 3 },
    onNotice: (line: string) => void notices.push(line),
    ...rest,
  } satisfies OpenRepositoryOptions;
};
const open = (text = name, more: Parameters<typeof options>[0] = {}) =>
  HubRepository.open(text, options(more));

async function failure(work: Promise<unknown>): Promise<HubError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HubError);
  return error as HubError;
}
const blobs = () => readdir(join(cache, "models--org--model", "blobs"));
const downloads = () =>
  server.requests.filter(({ storage, path }) => storage || /resolve.*(json|txt)$/.test(path)).length;

describe("HubRepository", () => {
  it("should lay files out as Hugging Face's cache has them, and fetch none twice", async () => {
    const progress: HubProgress[] = [];
    const repository = await open(name, { onProgress: (event) => void progress.push(event) });
    expect(repository.commit).toBe(server.commit(name));
    const paths = await repository.fetch(["config.json", "model.safetensors", "sub/notes.txt", "empty.txt"]);
    const snapshot = join(cache, "models--org--model", "snapshots", repository.commit);
    expect(paths).toEqual(
      ["config.json", "model.safetensors", "sub/notes.txt", "empty.txt"].map((file) => join(snapshot, file)),
    );
    expect(await readFile(paths[0]!, "utf8")).toBe(small);
    expect(await readlink(paths[1]!)).toBe(join("..", "..", "blobs", sha256(large)));
    expect(await readlink(paths[2]!)).toMatch(/^\.\.[/\\]\.\.[/\\]\.\.[/\\]blobs/);
    expect(await readFile(join(cache, "models--org--model", "refs", "main"), "utf8")).toBe(repository.commit);
    expect((await blobs()).filter((file) => file.includes("incomplete"))).toEqual([]);
    expect(progress.at(-1)).toMatchObject({
      bytes: large.length + small.length + 5,
      totalBytes: large.length + small.length + 5,
    });
    const before = downloads();
    expect(before).toBe(3); // nothing to fetch of an empty file
    await (await open()).fetch(["config.json", "model.safetensors"]);
    expect(downloads()).toBe(before);
  });

  it("should list folders, page after page, and name revisions", async () => {
    const repository = await open(`${name}@v1`);
    expect((await repository.list()).map(({ path }) => path)).toEqual([
      "config.json",
      "model.safetensors",
      "empty.txt",
    ]);
    expect(await repository.list("sub")).toMatchObject([{ path: "sub/notes.txt", size: 5 }]);
    expect((await open(`${name}@refs/pr/1`)).commit).toBe(repository.commit);
    const pinned = await open(`${name}@${repository.commit}`);
    expect(pinned.commit).toBe(repository.commit);
  });

  it("should read datasets from their own routes into their own folder", async () => {
    const repository = await open("org/rows", { type: "dataset" });
    const [path] = await repository.fetch(["data/test.parquet"]);
    expect(path).toContain(join(cache, "datasets--org--rows", "snapshots"));
    expect(sha256(await readFile(path!))).toBe(sha256(large));
  });

  it("should go on where a cut connection stopped, and end with the bytes that are listed", async () => {
    server.fail("/model.safetensors", { kind: "cut", after: 100_000 }, { kind: "cut", after: 100_000 });
    const [path] = await (await open()).fetch(["model.safetensors"]);
    expect(sha256(await readFile(path!))).toBe(sha256(large));
    const ranges = server.requests.filter(({ storage }) => storage).map(({ range }) => range);
    expect(ranges).toHaveLength(3);
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
    expect(notices.join()).toMatch(/model\.safetensors: the connection broke at \d+ of 300000 bytes/);
  });

  it("should keep what arrived when it gives up or is aborted, and go on from there the next time", async () => {
    const cut = { kind: "cut", after: 0 } as const;
    server.fail("/model.safetensors", { kind: "cut", after: 65_536 }, cut, cut, cut, cut);
    const error = await failure((await open()).fetch(["model.safetensors"]));
    expect(error).toMatchObject({ code: "READ_FAILED" });
    expect(error.message).toMatch(
      /org\/model\/model\.safetensors: the connection broke after \d+ of 300000 bytes/,
    );
    server.heal();
    const controller = new AbortController();
    const stopping = await open(name, {
      signal: controller.signal,
      onProgress: ({ bytes }) => bytes > 65_536 && bytes < 300_000 && controller.abort(),
    });
    server.fail("/model.safetensors", { kind: "stall", after: 30_000 });
    await expect(stopping.fetch(["model.safetensors"])).rejects.toMatchObject({ name: "AbortError" });
    expect(await blobs()).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.free\.incomplete$/)]);
    server.requests.length = 0;
    const [path] = await (await open()).fetch(["model.safetensors"]);
    expect(sha256(await readFile(path!))).toBe(sha256(large));
    expect(Number(/\d+/.exec(server.requests.at(-1)!.range!)![0])).toBeGreaterThan(65_536);
  });

  it("should try again after a silence, a passing failure and when told to wait", async () => {
    server.fail("/revision/main", { kind: "status", status: 503 }, { kind: "cut", after: 0 });
    server.fail("/config.json", { kind: "status", status: 429, headers: { "Retry-After": "1" } });
    server.fail("/model.safetensors", { kind: "stall", after: 1000 });
    const started = performance.now();
    await (await open()).fetch(["config.json", "model.safetensors"]);
    expect(performance.now() - started).toBeGreaterThan(950);
    expect(notices.join("\n")).toMatch(/config\.json: the server answered 429; trying again in 1 s/);
  });

  it("should refuse bytes of another length or checksum, and keep none of them", async () => {
    const cases = [
      [{ kind: "other-length", by: 5 }, "the server offers 300005 bytes where the Hub lists 300000"],
      [{ kind: "other-length", by: -5 }, "the server offers 299995 bytes where the Hub lists 300000"],
      [{ kind: "other-bytes" }, "the bytes that arrive do not have the checksum the Hub lists"],
    ] as const;
    for (const [fault, message] of cases) {
      server.fail("/model.safetensors", fault);
      const error = await failure((await open()).fetch(["model.safetensors"]));
      expect(error.code).toBe("CORRUPT");
      expect(error.message).toContain(`org/model/model.safetensors: ${message}`);
      expect(await blobs()).toEqual([]);
    }
    server.fail("/config.json", { kind: "other-bytes" });
    expect((await failure((await open()).fetch(["config.json"]))).code).toBe("CORRUPT");
  });

  it("should take up no left-over that is damaged, and restart where ranges are ignored", async () => {
    const directory = join(cache, "models--org--model", "blobs");
    await mkdir(directory, { recursive: true });
    // Left by a Python client that was killed: right for the first half of it, then damaged.
    const left = join(directory, `${sha256(large)}.0a1b2c3d.incomplete`);
    await writeFile(left, large.map((byte, i) => (i < 1000 ? byte : 0)).subarray(0, 2000));
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(left, longAgo, longAgo);
    const [path] = await (await open()).fetch(["model.safetensors"]);
    expect(sha256(await readFile(path!))).toBe(sha256(large));
    expect(server.requests.filter(({ storage }) => storage).map(({ range }) => range)).toEqual([
      "bytes=2000-",
      undefined,
    ]);

    await rm(cache, { recursive: true });
    server.fail("/model.safetensors", { kind: "cut", after: 1000 }, { kind: "ignore-range" });
    await (await open()).fetch(["model.safetensors"]);
    expect((await stat(path!)).size).toBe(large.length);
  });

  it("should replace a cached file of another size than listed", async () => {
    const [path] = await (await open()).fetch(["config.json"]);
    await writeFile(path!, "");
    await (await open()).fetch(["config.json"]);
    expect(await readFile(path!, "utf8")).toBe(small);
  });

  it("should let concurrent fetches of one file wait for each other", async () => {
    server.fail("/model.safetensors", { kind: "cut", after: 150_000 });
    const repositories = await Promise.all([open(), open(), open()]);
    const paths = await Promise.all(
      repositories.map((repository) => repository.fetch(["model.safetensors"])),
    );
    for (const [path] of paths) expect(sha256(await readFile(path!))).toBe(sha256(large));
    expect(await blobs()).toEqual([sha256(large)]);
  });

  it("should say what is missing, and what to do about it", async () => {
    const cases: [() => Promise<unknown>, string, RegExp][] = [
      [
        () => open("org/none"),
        "ACCESS_DENIED",
        /^org\/none: .* has no such repository, or it is private: then set HF_TOKEN/,
      ],
      [
        () => open("org/none", { variables: { HF_TOKEN: token } }),
        "ACCESS_DENIED",
        /org\/none: .* or your token/,
      ],
      [
        () => open("org/gated"),
        "ACCESS_DENIED",
        /org\/gated: the repository is gated; accept its licence at http.*org\/gated and set HF_TOKEN/,
      ],
      [
        () => open(name, { variables: { HF_TOKEN: "wrong" } }),
        "ACCESS_DENIED",
        /your token \(HF_TOKEN\) may not read it \(401\)/,
      ],
      [() => open(`${name}@v9`), "NOT_FOUND", /org\/model: has no revision "v9"/],
      [
        () => open().then((it) => it.fetch(["none.json"])),
        "NOT_FOUND",
        /org\/model\/none\.json: is not in revision "main"/,
      ],
      [() => open().then((it) => it.list("none")), "NOT_FOUND", /is not in revision|not found/],
      [() => open("no-name"), "NOT_FOUND", /"no-name" is no name on the Hub; give org\/name/],
      [
        () => open(name, { variables: { HF_ENDPOINT: "nowhere" } }),
        "READ_FAILED",
        /HF_ENDPOINT "nowhere" is no address/,
      ],
      [
        () => open(name, { variables: { HF_ENDPOINT: nobody } }),
        "UNREACHABLE",
        /cannot be reached \(ECONNREFUSED\)/,
      ],
    ];
    for (const [work, code, message] of cases) {
      const error = await failure(work());
      expect(error.message).toMatch(message);
      expect(error.code).toBe(code);
    }
    server.fail("/revision/main", { kind: "status", status: 429, headers: { "Retry-After": "9999" } });
    expect((await failure(open())).message).toMatch(/limits how often it answers \(429\)/);
  });

  it("should send the token to the endpoint and to nobody else, from the variable or the file", async () => {
    await writeFile(join(folder, "token"), `${token}\n`);
    for (const variables of [{ HF_TOKEN: token }, {}]) {
      await (await open("org/gated", { variables })).fetch(["config.json"]);
      await (
        await open(name, { variables: { HF_HUB_CACHE: join(cache, String(variables)), ...variables } })
      ).fetch(["model.safetensors"]);
    }
    await rm(join(folder, "token"));
    const [elsewhere, here] = [true, false].map((there) =>
      server.requests.filter(({ storage }) => storage === there),
    );
    expect(elsewhere!.length).toBeGreaterThan(0);
    expect(new Set(elsewhere!.map(({ authorization }) => authorization))).toEqual(new Set([undefined]));
    expect(new Set(here!.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${token}`]));
  });

  it("should work without a network from what the cache holds, and say what to fetch", async () => {
    await (await open()).fetch(["config.json"]);
    server.requests.length = 0;
    const variables = { HF_HUB_OFFLINE: "1" };
    const offline = await open(name, { variables });
    expect(offline.connected).toBe(false);
    expect(await offline.list()).toMatchObject([{ path: "config.json" }]);
    expect(await readFile((await offline.fetch(["config.json"]))[0]!, "utf8")).toBe(small);
    const lacking = await failure(offline.fetch(["model.safetensors"]));
    expect(lacking.code).toBe("OFFLINE");
    expect(lacking.message).toMatch(
      /model\.safetensors is not in the cache .* HF_HUB_OFFLINE is set.*hf download org\/model/,
    );
    expect((await failure(open("org/other@v2", { variables, type: "dataset" }))).message).toMatch(
      /revision "v2" is not in the cache.*hf download org\/other --repo-type dataset --revision v2/,
    );
    expect(server.requests).toEqual([]);
    const unreachable = await open(name, { variables: { HF_ENDPOINT: nobody } });
    expect(unreachable.connected).toBe(false);
    expect(notices.join("\n")).toMatch(/Going on with what the cache has/);
  });
});
