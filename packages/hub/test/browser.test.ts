import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";

/** The file and all it imports, by relative path. */
async function reached(file: URL, seen = new Map<string, string>()): Promise<Map<string, string>> {
  const text = await readFile(file, "utf8");
  seen.set(file.pathname, text);
  for (const [, path] of text.matchAll(/from "(\.[^"]+)\.js"/g)) {
    const next = new URL(`${path}.ts`, file);
    if (!seen.has(next.pathname)) await reached(next, seen);
  }
  return seen;
}

it("should offer browsers an entry that reaches no module of Node and no library", async () => {
  const files = await reached(new URL("../src/browser.ts", import.meta.url));
  expect(files.size).toBeGreaterThan(3);
  for (const [path, text] of files) expect(text, path).not.toMatch(/"node:|@huggingface/);
});
