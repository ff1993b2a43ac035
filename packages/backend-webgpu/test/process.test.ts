import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeOnDevice } from "./adapter.js";

const root = fileURLToPath(new URL("..", import.meta.url));
// Below the package, so that it finds webgpu as the package does; and where there is no such package.
const inside = join(root, "node_modules", ".process-test");
const outside = mkdtempSync(join(tmpdir(), "denoise-rotator-webgpu-"));

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly ended: string;
}

/** What a process of its own prints that opens backends with `webgpu`, and how it ends. */
function run(directory: string, body: string, env: Record<string, string> = {}): Outcome {
  const script = join(directory, "script.mjs");
  writeFileSync(
    script,
    `import { webgpu } from "./src/index.js"; import { tensor } from "./core/index.js";\n${body}`,
  );
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, [script], {
    encoding: "utf8",
    timeout: 30_000,
    env: { ...process.env, ...env },
  });
  return { stdout: stdout.trim(), stderr, ended: signal ?? `status ${status}` };
}

beforeAll(async () => {
  mkdirSync(inside, { recursive: true });
  for (const outDir of [inside, outside]) {
    await build({
      config: false,
      entry: { "src/index": join(root, "src/index.ts"), "core/index": join(root, "../core/src/index.ts") },
      outDir,
      format: "esm",
      splitting: true,
      noExternal: [/@denoise-rotator/],
      esbuildOptions: (options) => {
        options.conditions = ["@denoise-rotator/source"];
      },
      outExtension: () => ({ js: ".js" }),
      silent: true,
    });
    writeFileSync(join(outDir, "package.json"), '{ "type": "module" }');
  }
});
afterAll(() => {
  for (const directory of [inside, outside]) rmSync(directory, { recursive: true, force: true });
});

describe("a process without WebGPU", () => {
  it("should hear which package to install", () => {
    const { stdout, ended } = run(
      outside,
      "await webgpu().catch((error) => console.log(error.name, error.code, error.message));",
    );
    expect(stdout).toMatch(/^WebgpuMissingError WEBGPU_MISSING .*npm install webgpu@0\.6\.2/);
    expect(ended).toBe("status 0");
  });

  it("should hear how to get an adapter", () => {
    const { stdout, ended } = run(
      inside,
      "await webgpu().catch((error) => console.log(error.name, error.code, error.message));",
      { VK_DRIVER_FILES: "/nonexistent", VK_ICD_FILENAMES: "/nonexistent" },
    );
    expect(stdout).toMatch(/^NoAdapterError WEBGPU_NO_ADAPTER .*VK_DRIVER_FILES/);
    expect(ended).toBe("status 0");
  });
});

describeOnDevice("a process with a backend", () => {
  const clean = { stderr: "", ended: "status 0" };

  it("should choose its adapter by name, and hear the names of all", () => {
    const body = `
      await webgpu({ adapter: "no such" }).catch((error) => console.log(error.name, error.message));
      const backend = await webgpu();
      console.log(backend.name);`;
    const { stdout, ended } = run(inside, body);
    expect(stdout).toMatch(/^NoAdapterError .*named no such [\s\S]*Available adapters:[\s\S]*webgpu$/);
    expect(ended).toBe("status 0");
  });

  it("should end after dispose()", () => {
    const body = `
      const backend = await webgpu();
      console.log(await tensor([1, 2, 3], { backend }).square().read());
      await backend.dispose();`;
    expect(run(inside, body)).toEqual({ stdout: "Float32Array(3) [ 1, 4, 9 ]", ...clean });
  });

  it("should end although nobody disposes of it, with work enqueued", () => {
    const body = `
      const backend = await webgpu();
      let x = tensor(new Array(4096).fill(1), { backend });
      console.log((await x.read()).length);
      for (let i = 0; i < 1000; i++) x = x.sqrt();
      backend.flush();`;
    expect(run(inside, body)).toEqual({ stdout: "4096", ...clean });
  });

  it("should end with a read under way, and by process.exit", () => {
    const body = `
      const backend = await webgpu();
      globalThis.pending = tensor([2], { backend }).sqrt().read().then(([x]) => {
        console.log(x.toFixed(3));
        process.exit(0);
      });`;
    expect(run(inside, body)).toEqual({ stdout: "1.414", ...clean });
  });

  it("should survive collections of everything it dropped", () => {
    const body = `
      for (let round = 0; round < 4; round++) {
        const backend = await webgpu();
        for (let i = 0; i < 200; i++) tensor([i], { backend }).exp();
        backend.flush();
        globalThis.gc?.();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      console.log("done");`;
    expect(run(inside, body, { NODE_OPTIONS: "--expose-gc" })).toEqual({ stdout: "done", ...clean });
  });
});
