import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type InstalledPackages, installPackages, root } from "./installed-packages.js";

const names = readdirSync(join(root, "packages"));
let user: InstalledPackages;

const manifestOf = (name: string) =>
  JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
const bin = (tool: string) => join(root, "e2e", "node_modules", ".bin", tool);

beforeAll(() => {
  user = installPackages(names);
}, 300_000);
afterAll(() => user.remove());

const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: user.folder, encoding: "utf8" });

describe.each(names)("packed %s", (name) => {
  const specifier = `@denoise-rotator/${name}`;
  /** ES modules for script tags, and nothing else. */
  const forPages = manifestOf(name).exports["."].default !== undefined;

  it(`should be importable as ESM${forPages ? "" : " and CJS with the same exports"}`, () => {
    const list = "console.log(Object.keys(m).filter((k) => k !== 'default').sort().join())";
    const esm = node("--input-type=module", "-e", `import * as m from "${specifier}"; ${list}`);
    expect(esm.stderr).toBe("");
    expect(esm.stdout.trim().length).toBeGreaterThan(0);
    if (forPages) return;
    const cjs = node("--input-type=commonjs", "-e", `const m = require("${specifier}"); ${list}`);
    expect(cjs.stderr).toBe("");
    expect(cjs.stdout).toBe(esm.stdout);
  });

  it("should satisfy publint and resolve its types everywhere", () => {
    const lint = spawnSync(bin("publint"), ["run", user.tarballs.get(name)!, "--strict"], {
      encoding: "utf8",
    });
    expect(lint.status, lint.stdout + lint.stderr).toBe(0);
    const profile = forPages ? "esm-only" : "node16";
    const attw = [user.tarballs.get(name)!, "--profile", profile, "--no-emoji"];
    const types = spawnSync(bin("attw"), attw, { encoding: "utf8" });
    expect(types.status, types.stdout + types.stderr).toBe(0);
  });

  it("should hold no tests, sources or workspace versions", () => {
    const installed = JSON.parse(
      readFileSync(join(user.folder, "node_modules", specifier, "package.json"), "utf8"),
    );
    expect(JSON.stringify(installed)).not.toMatch(
      /workspace:|@denoise-rotator\/source|"scripts":\{"(pre|post)install/,
    );
    expect(readdirSync(join(user.folder, "node_modules", specifier))).not.toContain("test");
    expect(installed.license).toBe("Apache-2.0");
    expect(manifestOf(name).version).toBe(installed.version);
  });
});

describe("the packed wasm backend", () => {
  it.each(["module", "commonjs"])("should find its worker from a %s", (type) => {
    // A worker that did not start makes the second product throw.
    const script = `
      const multiply = async ({ wasm }) => {
        const backend = await wasm({ threads: 2 });
        const operand = () => ({
          buffer: backend.allocate(4 << 20), dtype: "f32", shape: [1024, 1024], strides: [1024, 1], offset: 0,
        });
        const [a, b, out] = [operand(), operand(), operand()];
        for (let i = 0; i < 2; i++) {
          backend.kernels.matmul(a, b, out, { alpha: 1, accumulate: false });
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        console.log("threads", backend.capabilities.description.threads);
      };
      ${type === "module" ? "import * as m from" : "const m = require("} "@denoise-rotator/backend-wasm"${type === "module" ? "" : ")"};
      multiply(m);`;
    const { stdout, stderr } = node(`--input-type=${type}`, "-e", script);
    expect(stderr).toBe("");
    expect(stdout).toBe("threads 2\n");
  });
});

describe("the packed command line", () => {
  const cli = () => join(user.folder, "node_modules", ".bin", "denoise-rotator");

  it("should explain itself and inspect the embedded model", () => {
    const help = spawnSync(cli(), ["--help"], { cwd: user.folder, encoding: "utf8" });
    expect(help.stdout).toContain("denoise-rotator demo");
    const inspect = spawnSync(cli(), ["inspect", "tiny", "--json"], { cwd: user.folder, encoding: "utf8" });
    expect(inspect.stderr).toBe("");
    expect(JSON.parse(inspect.stdout).parameters).toBe(3_082_496);
  });
});
