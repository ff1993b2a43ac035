import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Browser,
  findChromium,
  launchChromium,
  type PageServer,
  servePages,
} from "@denoise-rotator/testing/chromium";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type InstalledPackages, installPackages, packagesForPages, root } from "./installed-packages.js";

/** Where none is asked for and there is none, these tests are skipped. */
const { required, missing } = findChromium();
const skip = missing !== undefined && !required;
const because = skip ? ` (${missing})` : "";

/** The page and the worker of docs/browser.md, importing from `library` instead of the network. */
function documentedPage(library: string): Record<string, string> {
  const text = readFileSync(join(root, "docs/browser.md"), "utf8");
  const block = (language: string, start: string) =>
    [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)]
      .filter(([, name, code]) => name === language && code!.startsWith(start))
      .map(([, , code]) => code!)[0]!;
  const network = /https:\/\/cdn\.jsdelivr\.net\/npm\/@denoise-rotator\/web@[\d.]+\/dist\//;
  const job = block("js", "import {");
  expect(job).toMatch(network);
  return { "/": block("html", "<!doctype html>"), "/job.js": job.replace(network, library) };
}

/** Products of one backend after another: how many threads each has, and a hash of all their bits. */
const products = (library: string) => `
  import { Random } from "${library}core.js";
  import { wasm } from "${library}backend-wasm.js";
  export async function run(threads) {
    const backend = await wasm(threads === undefined ? {} : { threads });
    const random = new Random(7);
    const [a, b] = [random.normal([600, 560], { backend }), random.normal([560, 610], { backend })];
    let bits = 0;
    for (let round = 0; round < 3; round++) {
      const values = await a.matmul(b).read();
      for (const word of new Uint32Array(values.buffer)) bits = (Math.imul(bits, 31) + word) >>> 0;
      // A worker that does not start is heard of now, and makes the next product throw.
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    const { threads: used } = backend.capabilities.description;
    await backend.dispose();
    return { used, bits };
  }
`;
const productWorker = `
  import { run } from "/products.js";
  postMessage({ one: await run(1), two: await run(2) });
`;
const productPage = `<!doctype html><script type="module">
  import { run } from "/products.js";
  const worker = new Worker("/worker.js", { type: "module" });
  const inWorker = new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
  globalThis.result = (async () => ({ isolated: crossOriginIsolated, page: await run(), ...(await inWorker) }))();
</script>`;

/** The largest difference from the cpu backend's product and softmax, of each backend that needs a GPU. */
const gpuPage = (library: string) => `<!doctype html><script type="module">
  import { cpu, Random, softmax } from "${library}core.js";
  import { webgpu } from "${library}backend-webgpu.js";
  import { gpujs } from "${library}backend-gpujs.js";
  async function values(backend) {
    const random = new Random(3);
    const a = random.normal([70, 50], { backend });
    const b = random.normal([50, 90], { backend });
    return softmax(a.matmul(b)).read();
  }
  async function difference(open) {
    const backend = await open();
    const [found, wanted] = [await values(backend), await values(cpu)];
    await backend.dispose();
    return Math.max(...found.map((x, i) => Math.abs(x - wanted[i])));
  }
  globalThis.result = (async () => ({
    webgpu: await difference(() => webgpu()),
    "gpujs webgpu": await difference(() => gpujs({ mode: "webgpu" })),
    "gpujs webgl2": await difference(() => gpujs({ mode: "webgl2" })),
  }))();
</script>`;

interface Product {
  readonly used: number;
  readonly bits: number;
}
interface Products {
  readonly isolated: boolean;
  readonly page: Product;
  readonly one: Product;
  readonly two: Product;
}

describe.skipIf(skip)(`@denoise-rotator/web, packed, in Chromium${because}`, { timeout: 120_000 }, () => {
  let user: InstalledPackages;
  let browser: Browser;
  let network: PageServer;
  const installed = () => join(user.folder, "node_modules/@denoise-rotator/web/dist/");

  beforeAll(async () => {
    user = installPackages(["web", ...packagesForPages]);
    browser = await launchChromium();
    network = await servePages({ folders: { "/": installed() }, shared: true });
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    await network?.close();
    user?.remove();
  });

  /** Where the library is, as seen by a page that keeps it beside itself, and by one that loads it from another origin. */
  const places = [
    ["beside the page", () => "/web/"],
    ["from another origin", () => network.url],
  ] as const;

  /** What `evaluate` finds on the page that these files make. */
  async function onPage<T>(files: Record<string, string>, isolated: boolean, evaluate: () => Promise<T>) {
    const site = await servePages({ files, folders: { "/web/": installed() }, isolated });
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      // WebGL's driver remarks that reading waits for the device.
      if (!message.text().includes("GPU stall due to ReadPixels")) problems.push(message.text());
    });
    try {
      await page.goto(site.url);
      const result = await page.evaluate(evaluate);
      expect(problems).toEqual([]);
      return result;
    } catch (error) {
      // Without the page's stack, whose addresses Vitest takes for files.
      const [what] = String(error).split(/\n\s+at /);
      throw new Error([what, ...problems].join("\n"));
    } finally {
      await page.close();
      await site.close();
    }
  }

  describe.each(places)("%s", (_place, library) => {
    it.each([
      ["isolated", true],
      ["ordinary", false],
    ])("should rotate and prune in docs/browser.md's page, %s", async (_kind, isolated) => {
      const result = await onPage(documentedPage(library()), isolated, async () => {
        const element = document.getElementById("result")!;
        while (element.textContent === "…") await new Promise((resolve) => setTimeout(resolve, 20));
        return JSON.parse(element.textContent!);
      });
      const { threads, plain, rotated } = result;
      if (isolated) expect(threads).toBeGreaterThan(0);
      else expect(threads).toBe(1);
      expect(plain).toBeGreaterThan(0);
      expect(rotated).toBeLessThan(plain / 2);
    });

    it("should compute on WebGPU and WebGL2", async () => {
      const result = await onPage({ "/": gpuPage(library()) }, false, () => {
        return (globalThis as unknown as { result: Promise<Record<string, number>> }).result;
      });
      expect(Object.keys(result)).toEqual(["webgpu", "gpujs webgpu", "gpujs webgl2"]);
      for (const [name, difference] of Object.entries(result)) expect(difference, name).toBeLessThan(1e-5);
    });

    it.each([
      ["use threads in a worker of an isolated page", true],
      ["run on one thread where the page is not isolated", false],
    ])("should %s, with the same bits", async (_what, wanted) => {
      const files = {
        "/": productPage,
        "/worker.js": productWorker,
        "/products.js": products(library()),
      };
      const { isolated, page, one, two } = await onPage(files, wanted, () => {
        return (globalThis as unknown as { result: Promise<Products> }).result;
      });
      expect(isolated).toBe(wanted);
      expect([page.used, one.used, two.used]).toEqual([1, 1, wanted ? 2 : 1]);
      expect(two.bits).toBe(one.bits);
      expect(page.bits).toBe(one.bits);
    });
  });

  it("should say so where the threads' script is missing", async () => {
    const files = readdirSync(installed()).filter((file) => file.endsWith(".js") && file !== "worker.js");
    const library = files.map((file) => [`/part/${file}`, readFileSync(join(installed(), file), "utf8")]);
    const page = {
      ...Object.fromEntries(library),
      "/": productPage,
      "/worker.js": productWorker,
      "/products.js": products("/part/"),
    };
    const evaluate = () => (globalThis as unknown as { result: Promise<Products> }).result;
    await expect(onPage(page, true, evaluate)).rejects.toThrow("script worker.js did not load");
  });
});
