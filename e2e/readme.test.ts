import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, describe, expect, it } from "vitest";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "..");
// Inside e2e, so that snippets resolve the built packages as a user's project would.
const workspace = join(here, ".snippets");

interface Snippet {
  readonly name: string;
  readonly code: string;
}

/** TypeScript blocks of a page, but those marked `ts no-run` (with the reason in the text). */
function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)];
  return blocks.map((match, index) => ({ name: `${page} #${index + 1}`, code: match[1]! }));
}

const pages = [
  "README.md",
  ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/README.md`),
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
].filter((page) => existsSync(join(root, page)));

function run({ name, code }: Snippet) {
  mkdirSync(workspace, { recursive: true });
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const file = join(workspace, `${name.replaceAll(/\W+/g, "-")}.mjs`);
  writeFileSync(file, outputText);
  return spawnSync(process.execPath, [file], { cwd: workspace, encoding: "utf8", timeout: 120_000 });
}

/** What Dawn says where there is no Vulkan driver; the example of backend-webgpu goes on to handle it. */
const noVulkan = /^Warning: vkCreateInstance.*\n( +at .*\n)?\n?/gm;

describe("examples in the READMEs", () => {
  afterAll(() => rmSync(workspace, { recursive: true, force: true }));

  it("should be there, one a package", () => {
    const without = pages.filter((page) => page.startsWith("packages/") && snippetsOf(page).length === 0);
    expect(without).toEqual([]);
  });

  for (const snippet of pages.flatMap(snippetsOf)) {
    it(`should run: ${snippet.name}`, { timeout: 130_000 }, () => {
      const { status, stderr } = run(snippet);
      expect(stderr.replaceAll(noVulkan, "")).toBe("");
      expect(status).toBe(0);
    });
  }
});
