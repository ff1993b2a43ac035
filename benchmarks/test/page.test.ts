import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium, type PageServer, servePages } from "@denoise-rotator/testing/chromium";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { measurePage } from "../src/page/measure-page.js";
import { buildPage } from "../src/page/page-server.js";

const { missing, required } = findChromium();
const note = missing === undefined ? "" : ` (${missing})`;

it("should find the browser where one is asked for", () => {
  if (required) expect(missing).toBeUndefined();
});

describe.skipIf(missing !== undefined)(`the page${note}`, { timeout: 240_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-page-"));
  let isolated: PageServer;
  let plain: PageServer;
  beforeAll(async () => {
    await buildPage(folder);
    isolated = await servePages({ folders: { "/": folder }, isolated: true });
    plain = await servePages({ folders: { "/site/": folder } });
  });
  afterAll(async () => {
    await isolated?.close();
    await plain?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("should run the quick set with every backend and peer, show a row for each and export them", async () => {
    // Without the kinds that differ from these in nothing that the page does: shaders take time to compile on a CPU.
    const works = ["gemm", "add", "softmax", "sum", "cholesky", "rotationStep", "decoderBlock"];
    const run = { set: "quick", works, rounds: 1, sampleMilliseconds: 1, baseline: "wasm" };
    const { result, table, plotted, about, complaints } = await measurePage(isolated.url, run);
    expect(complaints).toEqual([]);
    expect(plotted).toBe(true);
    expect(about).toContain("a worker");
    expect(result.absent).toEqual([]);
    expect(result.host.sharedMemory).toBe(true);

    const ours = ["webgpu", "gpujs-webgpu", "gpujs-webgl2", "wasm", "wasm-1-thread", "gpujs-cpu", "cpu"];
    const peers = ["tfjs-cpu", "tfjs-wasm", "tfjs-webgl", "tfjs-webgpu", "jax-js-wasm", "jax-js-webgpu"];
    const onnx = ["onnxruntime-web-wasm", "onnxruntime-web-webgpu"];
    const measured = result.rows.filter(({ status }) => status === "ok");
    for (const contender of [...ours, ...peers, ...onnx, "naive-js"]) {
      const own = measured.filter((row) => row.contender === contender).map(({ work }) => work);
      expect(own, contender).toContain("gemm-256");
      if (ours.includes(contender)) expect(own).toEqual(result.works.map(({ name }) => name));
    }
    expect(result.rows.filter(({ status }) => status === "failed" || status === "wrong")).toEqual([]);
    const shown = new Set(table.slice(1).map(([work, contender]) => `${work} ${contender}`));
    expect(shown).toEqual(new Set(measured.map(({ work, contender }) => `${work} ${contender}`)));
  });

  it("should say what is missing where the page is not isolated, and measure the rest", async () => {
    const contenders = ["wasm", "wasm-1-thread", "tfjs-wasm"];
    const run = { set: "quick", works: ["gemm"], contenders, rounds: 1, sampleMilliseconds: 1 };
    const { result, table, about } = await measurePage(`${plain.url}site/`, run);
    expect(about).toContain("no shared memory");
    expect(result.absent).toEqual([
      { contender: "wasm", reason: expect.stringContaining("not cross-origin isolated") },
    ]);
    expect(table.slice(1).map(([, contender]) => contender)).toEqual(["wasm-1-thread", "tfjs-wasm"]);
  });
});
