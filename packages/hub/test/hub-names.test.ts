import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { retryAfter } from "../src/huggingface/hub-connection.js";
import { hubSettings, parseHubName } from "../src/index.js";

describe("parseHubName", () => {
  it("should read repository, revision and path", () => {
    const cases: [string, string, string, string | undefined][] = [
      ["org/name", "org/name", "main", undefined],
      ["Qwen/Qwen2.5-0.5B@v1.0", "Qwen/Qwen2.5-0.5B", "v1.0", undefined],
      ["org/name@refs/pr/12", "org/name", "refs/pr/12", undefined],
      ["org/name@refs/convert/parquet/a/b.gguf", "org/name", "refs/convert/parquet", "a/b.gguf"],
      ["org/name@feature%2Fx/f.gguf", "org/name", "feature/x", "f.gguf"],
      ["org/name/model.gguf", "org/name", "main", "model.gguf"],
    ];
    for (const [text, repository, revision, path] of cases) {
      expect(parseHubName(text)).toEqual({ repository, revision, path });
    }
  });

  it("should refuse what the Hub has no names for, and paths that lead elsewhere", () => {
    const texts = [
      "",
      "name",
      "/abs/path",
      "./a/b",
      "../a/b",
      "a/..",
      "a/b/../c",
      "a/b//c",
      "a/b/.",
      "-a/b",
      "a--b/c",
      "a/b.",
      "a b/c",
    ];
    texts.push(
      "a\\b/c",
      "C:\\a/b",
      "a/b@",
      "a/b@..%2F..",
      "a/b@%2Fetc",
      "a/b@%zz",
      "a/b/c\\..\\d",
      "https://huggingface.co/a/b",
      "~/models",
    );
    for (const text of texts) expect(parseHubName(text), text).toBeUndefined();
  });

  it("should give no path out of a folder, whatever it is given", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ab/@.%2F\\:-"), maxLength: 20 }), (text) => {
        const name = parseHubName(text);
        for (const inner of [name?.path, name?.revision])
          expect(inner ?? "a").not.toMatch(/(^|\/)\.{0,2}(\/|$)|[\\:]/);
      }),
    );
  });
});

describe("hubSettings", () => {
  it("should follow the variables of Hugging Face's own tools, the more particular first", async () => {
    const of = async (variables: Record<string, string>) => hubSettings({ HF_TOKEN: "t", ...variables });
    expect((await of({})).cacheDirectory).toMatch(/[/\\]\.cache[/\\]huggingface[/\\]hub$/);
    expect((await of({ XDG_CACHE_HOME: "/x" })).cacheDirectory).toBe("/x/huggingface/hub");
    expect((await of({ XDG_CACHE_HOME: "/x", HF_HOME: "/h" })).cacheDirectory).toBe("/h/hub");
    expect((await of({ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/o" })).cacheDirectory).toBe("/o");
    expect((await of({ HUGGINGFACE_HUB_CACHE: "/o", HF_HUB_CACHE: "/n" })).cacheDirectory).toBe("/n");
    expect((await of({ HF_ENDPOINT: "https://mirror.example/" })).endpoint).toBe("https://mirror.example");
    expect((await of({})).endpoint).toBe("https://huggingface.co");
    for (const [text, offline] of [
      ["1", true],
      ["on", true],
      ["0", false],
      ["", false],
    ] as const) {
      expect((await of({ HF_HUB_OFFLINE: text })).offline).toBe(offline);
    }
    expect((await hubSettings({ HF_TOKEN: " t\n" })).token).toBe("t");
    expect((await hubSettings({ HF_HOME: "/none" })).token).toBeUndefined();
  });
});

it("should read how long to wait in seconds or as a date", () => {
  expect(retryAfter("7")).toBe(7000);
  expect(retryAfter("Wed, 21 Oct 2015 07:28:00 GMT", Date.parse("2015-10-21T07:27:30Z"))).toBe(30_000);
  expect(retryAfter("Wed, 21 Oct 2015 07:28:00 GMT")).toBe(0);
  expect(retryAfter("soon")).toBeUndefined();
  expect(retryAfter(null)).toBeUndefined();
});
