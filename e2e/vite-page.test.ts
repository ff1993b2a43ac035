import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, findChromium, launchChromium, servePages } from "@denoise-rotator/testing/chromium";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type InstalledPackages, installPackages } from "./installed-packages.js";

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
    import { wasm } from "@denoise-rotator/backend-wasm";
    import { Site } from "@denoise-rotator/contracts";
    import { item, Random } from "@denoise-rotator/core";
    import { polar } from "@denoise-rotator/linalg";
    import { orthogonal } from "@denoise-rotator/manifold";
    import { magnitude, pruneSite } from "@denoise-rotator/pruners";
    import { orthogonalityTolerance } from "@denoise-rotator/rotator";
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
      const near = distance < orthogonalityTolerance;
      postMessage({ near, maskValid, sparsity, threads: backend.capabilities.description.threads });
    }
    job().catch((error) => setTimeout(() => { throw error; }));
  `,
};

describe.skipIf(skip)(`pages built by Vite${skip ? ` (${missing})` : ""}`, { timeout: 120_000 }, () => {
  let user: InstalledPackages;
  let browser: Browser;
  beforeAll(async () => {
    user = installPackages(["core", "backend-wasm", "linalg", "manifold", "contracts", "pruners", "rotator"]);
    for (const [file, text] of Object.entries(sources)) writeFileSync(join(user.folder, file), text);
    browser = await launchChromium();
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    user?.remove();
  });

  describe.each(["iife", "es"] as const)("workers as %s", (format) => {
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
      expect(files.map((file) => file.replace(/-.*/, ""))).toEqual(["index", "job", "worker"]);
      for (const file of files) {
        const text = readFileSync(join(dist(), "assets", file), "utf8");
        expect(text).not.toMatch(/(from|import\(|require\()\s*["'`](node:|fs|path|os|worker_threads)\b/);
        expect(text).not.toContain("__vite-browser-external");
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
        expect(result).toEqual({ near: true, maskValid: true, sparsity: 0.5, threads, onPage: "cpu" });
      } finally {
        await page.close();
        await site.close();
      }
    });
  });
});
