import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, findChromium, launchChromium, servePages } from "@denoise-rotator/testing/chromium";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type InstalledPackages, installPackages, packagesForPages } from "./installed-packages.js";

const { required, missing } = findChromium();
/** Where none is asked for and there is none, these tests are skipped. */
const skip = missing !== undefined && !required;

const sources = {
  "index.html": `<!doctype html><script type="module" src="/main.js"></script>`,
  "main.js": `
    import { defaultBackend } from "@denoise-rotator/core";
    const worker = new Worker(new URL("./job.js", import.meta.url), { type: "module" });
    globalThis.result = new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve({ ...data, onPage: defaultBackend().name });
      worker.onerror = ({ message }) => reject(new Error(message));
    });
  `,
  "job.js": `
    import { gpujs } from "@denoise-rotator/backend-gpujs";
    import { wasm } from "@denoise-rotator/backend-wasm";
    import { webgpu } from "@denoise-rotator/backend-webgpu";
    import { Site } from "@denoise-rotator/contracts";
    import { cpu, item, Random } from "@denoise-rotator/core";
    import { polar } from "@denoise-rotator/linalg";
    import { orthogonal } from "@denoise-rotator/manifold";
    import { magnitude, pruneSite } from "@denoise-rotator/pruners";
    import { orthogonalityTolerance } from "@denoise-rotator/rotator";
    const product = (backend) => {
      const random = new Random(3);
      return random.normal([70, 50], { backend }).matmul(random.normal([50, 90], { backend })).read();
    };
    async function job() {
      const backend = await wasm({ threads: 2 });
      const random = new Random(1);
      const weight = random.normal([600, 560], { backend });
      for (let round = 0; round < 2; round++) {
        await weight.matmul(weight.transpose()).read();
        // A worker that does not start is heard of now, and makes the next product throw.
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      const rotations = orthogonal(40);
      const distance = await item(rotations.error(polar(random.normal([40, 40], { backend }))));
      const site = new Site({ name: "layer", role: "upProj", weight });
      const { maskValid, sparsity } = await pruneSite(site, magnitude(), { pattern: "2:4" });
      const gpu = {};
      for (const open of [webgpu, () => gpujs({ mode: "webgpu" }), () => gpujs({ mode: "webgl2" })]) {
        const device = await open();
        const { name, capabilities } = device;
        const [found, wanted] = [await product(device), await product(cpu)];
        const close = found.every((x, i) => Math.abs(x - wanted[i]) < 1e-4);
        gpu[[name, capabilities.description.mode].join(" ").trim()] = close;
        await device.dispose();
      }
      const near = distance < orthogonalityTolerance;
      postMessage({ near, gpu, maskValid, sparsity, threads: backend.capabilities.description.threads });
    }
    job().catch((error) => setTimeout(() => { throw error; }));
  `,
};

describe.skipIf(skip)(`pages built by Vite${skip ? ` (${missing})` : ""}`, { timeout: 120_000 }, () => {
  let user: InstalledPackages;
  let browser: Browser;
  beforeAll(async () => {
    user = installPackages(packagesForPages);
    for (const [file, text] of Object.entries(sources)) writeFileSync(join(user.folder, file), text);
    browser = await launchChromium();
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    user?.remove();
  });

  describe.each([
    ["iife", ["index", "job", "worker"]],
    ["es", ["gpu", "index", "job", "worker"]], // gpu.js apart, loaded when first used
  ] as const)("workers as %s", (format, assets) => {
    const dist = () => join(user.folder, `dist-${format}`);
    beforeAll(() =>
      build({
        root: user.folder,
        configFile: false,
        logLevel: "error",
        worker: { format },
        build: { outDir: dist() },
      }),
    );

    it("should carry the threads' worker along once, and no module of Node", () => {
      const files = readdirSync(join(dist(), "assets")).sort();
      expect(files.map((file) => file.replace(/-.*/, ""))).toEqual(assets);
      for (const file of files) {
        const text = readFileSync(join(dist(), "assets", file), "utf8");
        // The second is what Vite puts in a built-in module's place.
        const names = /from\s*["'`]node:\w+["'`]|__vite-browser-external/g;
        expect(text.match(names) ?? [], file).toEqual([]);
      }
    });

    it.each([
      ["isolated", 2],
      ["ordinary", 1],
    ])("should do their job in Chromium, %s", async (kind, threads) => {
      const site = await servePages({ folders: { "/": dist() }, isolated: kind === "isolated" });
      const page = await browser.newPage();
      try {
        await page.goto(site.url);
        const result = await page.evaluate(
          () => (globalThis as unknown as { result: Promise<object> }).result,
        );
        const gpu = { webgpu: true, "gpujs webgpu": true, "gpujs webgl2": true };
        expect(result).toEqual({ near: true, gpu, maskValid: true, sparsity: 0.5, threads, onPage: "cpu" });
      } finally {
        await page.close();
        await site.close();
      }
    });
  });
});
