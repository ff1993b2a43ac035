import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

/** Set by CI, which installs it; elsewhere the tests run where Debian's Chromium is found. */
const required = process.env.CHROMIUM;
const chromium = required ?? "/usr/bin/chromium";
const reason = `no Chromium at ${chromium}; CHROMIUM=PATH names one`;

const packageFile = (name: string, file: string) =>
  readFileSync(new URL(`../packages/${name}/dist/${file}`, import.meta.url), "utf8");

/** Opens the backend twice and says what a product and a softmax of both are. */
const task = `
  import { wasm } from "/backend-wasm/index.js";
  import { Random } from "/core/index.js";
  export async function run(threads) {
    const backend = await wasm(threads === undefined ? {} : { threads });
    const random = new Random(7);
    const [a, b] = [random.normal([300, 260], { backend }), random.normal([260, 310], { backend })];
    let bits = 0;
    for (let round = 0; round < 20; round++) {
      const values = await a.matmul(b).read();
      for (const word of new Uint32Array(values.buffer, values.byteOffset, values.length)) bits = (Math.imul(bits, 31) + word) >>> 0;
    }
    const { threads: used } = backend.capabilities.description;
    await backend.dispose();
    return { used, bits };
  }
`;
const page = `<!doctype html><script type="module">
  const report = (value) => fetch("/result", { method: "POST", body: JSON.stringify(value) });
  try {
    const { run } = await import("/task.js");
    const page = await run();
    const worker = new Worker("/worker.js", { type: "module" });
    const inWorker = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
      worker.onerror = ({ message }) => reject(new Error(message));
    });
    await report({ isolated: crossOriginIsolated, page, ...inWorker });
  } catch (error) { await report({ error: String(error?.stack ?? error) }); }
</script>`;
const worker = `
  const { run } = await import("/task.js");
  try { postMessage({ two: await run(2), one: await run(1) }); }
  catch (error) { postMessage({ error: String(error?.stack ?? error) }); }
`;

interface Result {
  readonly error?: string;
  readonly isolated: boolean;
  readonly page: { readonly used: number; readonly bits: number };
  readonly one: Result["page"];
  readonly two: Result["page"];
}

/** Serves the built packages as they are but for their imports of each other, to a page that reports once. */
async function inChromium(isolated: boolean): Promise<Result> {
  const files = new Map([
    ["/", page],
    ["/task.js", task],
    ["/worker.js", worker],
  ]);
  let report: (result: Result) => void;
  const result = new Promise<Result>((resolve) => {
    report = resolve;
  });
  const server = createServer((request, response) => {
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    if (request.method === "POST") {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        response.end();
        report(JSON.parse(body));
      });
      return;
    }
    const path = request.url ?? "/";
    const [, name, file] = /^\/(core|backend-wasm)\/([\w.-]+\.js)$/.exec(path) ?? [];
    const text = files.get(path) ?? (name && file ? packageFile(name, file) : undefined);
    response.setHeader("Content-Type", path === "/" ? "text/html" : "text/javascript");
    response.statusCode = text === undefined ? 404 : 200;
    response.end(text?.replaceAll(/(["'])@denoise-rotator\/core\1/g, '"/core/index.js"'));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const profile = mkdtempSync(join(tmpdir(), "denoise-rotator-chromium-"));
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"];
  const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-quic"];
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const browser = spawn(chromium, [...flags, ...quiet, `--user-data-dir=${profile}`, url], {
    stdio: "ignore",
  });
  try {
    return await result;
  } finally {
    const ended = new Promise((resolve) => browser.once("exit", resolve));
    browser.kill();
    await ended;
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const present = existsSync(chromium);

describe("backend-wasm in Chromium", { timeout: 120_000 }, () => {
  it("should find the browser where one is asked for", () => {
    if (required !== undefined) expect(present, reason).toBe(true);
  });

  it.skipIf(!present)(
    `should use threads in a worker of an isolated page, with the same bits${present ? "" : ` (${reason})`}`,
    async () => {
      const { error, isolated, page, one, two } = await inChromium(true);
      expect(error).toBeUndefined();
      expect(isolated).toBe(true);
      expect([page.used, one.used, two.used]).toEqual([1, 1, 2]);
      expect(two.bits).toBe(one.bits);
      expect(page.bits).toBe(one.bits);
    },
  );

  it.skipIf(!present)(
    `should run on one thread where the page is not isolated${present ? "" : ` (${reason})`}`,
    async () => {
      const { error, isolated, page, two } = await inChromium(false);
      expect(error).toBeUndefined();
      expect(isolated).toBe(false);
      expect([page.used, two.used]).toEqual([1, 1]);
      expect(two.bits).toBe(page.bits);
    },
  );
});
