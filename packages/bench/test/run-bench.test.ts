import { wasm } from "@denoise-rotator/backend-wasm";
import { createCpuBackend, OptionError } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { type Contender, type ContenderSource, Unsupported, type Work } from "../src/contender.js";
import { naive } from "../src/contenders/naive.js";
import { ours } from "../src/contenders/ours.js";
import { type PeerName, peerSource } from "../src/contenders/peers.js";
import { type Host, parseBenchResult } from "../src/result.js";
import { type BenchProgress, runBench } from "../src/run-bench.js";
import { decoderBlock } from "../src/works/decoder-block.js";
import { add, exp, log, rmsNorm, softmax } from "../src/works/elementwise.js";
import { cholesky } from "../src/works/factorisations.js";
import { workChecks } from "../src/works/index.js";
import { gemm, linear } from "../src/works/products.js";
import { rowMax, sum } from "../src/works/reductions.js";
import { workSet } from "../src/works/sets.js";
import { linear24 } from "../src/works/sparse-linear.js";

const host: Host = {
  ...{ engine: "test", platform: "test", cores: 2, sharedMemory: true, webgpu: "none", webgl: "none" },
};
const short = { host, rounds: 2, sampleMilliseconds: 0.01 };
const works = [gemm(12, 8, 10), linear(3, 8, 10)];

const cpu: ContenderSource = {
  name: "cpu",
  open: async () => ours(createCpuBackend(), { name: "cpu", package: "@denoise-rotator/core", version: "1" }),
};
const loops: ContenderSource = { name: "naive-js", open: async () => naive() };

/** Loops that something is wrong with. */
const spoiled = (name: string, prepare: Contender["prepare"]): ContenderSource => ({
  name,
  open: async () => ({ ...naive(), name, prepare }),
});

describe("runBench", () => {
  it("should measure who is right, show who is wrong and say who is missing", async () => {
    const wrong = spoiled("wrong", async (work, inputs) => {
      const prepared = await naive().prepare(work, inputs);
      const halve = (x: number) => x / 2;
      return {
        ...prepared,
        results: async () =>
          (await prepared.results()).map(({ shape, data }) => ({ shape, data: data.map(halve) })),
      };
    });
    const lacking = spoiled("lacking", ({ kind }, inputs) => {
      if (kind === "linear") throw new Unsupported("has no such operation");
      return naive().prepare(works[0]!, inputs);
    });
    const breaking = spoiled("breaking", () => {
      throw new Error("device\n  lost");
    });
    const absent: ContenderSource = {
      name: "absent",
      open: () => Promise.reject(new Error("not installed")),
    };
    const result = await runBench(works, [cpu, loops, wrong, lacking, breaking, absent], short);

    const of = (contender: string) => result.rows.filter((row) => row.contender === contender);
    expect(of("cpu").map(({ status }) => status)).toEqual(["ok", "ok"]);
    for (const row of [...of("cpu"), ...of("naive-js")]) {
      if (row.status !== "ok") throw new Error(row.status);
      const work = works.find(({ name }) => name === row.work)!;
      expect(row.samples).toHaveLength(2);
      expect(row.gflops! * row.median * 1e6).toBeCloseTo(work.flops);
      expect(row.gigabytes! * row.median * 1e6).toBeCloseTo(work.bytes);
      expect(row.error).toBeLessThan(1e-6);
    }
    expect(of("cpu")).toMatchObject([{ ratio: 1 }, { ratio: 1 }]);
    expect(of("wrong")).toMatchObject([{ status: "wrong" }, { status: "wrong" }]);
    expect(of("wrong")[0]).toHaveProperty("error", expect.closeTo(0.5, 6));
    expect(of("lacking")).toMatchObject([
      { status: "ok" },
      { status: "unsupported", reason: "has no such operation" },
    ]);
    expect(of("breaking")[0]).toMatchObject({ status: "failed", reason: "device; lost" });
    expect(result.absent).toEqual([{ contender: "absent", reason: "not installed" }]);
    expect(parseBenchResult(JSON.parse(JSON.stringify(result)))).toEqual(result);
  });

  it("should leave out who takes longer than one has patience for", async () => {
    const { rows } = await runBench([gemm(96, 96, 96)], [loops], { ...short, patienceMilliseconds: 1e-3 });
    expect(rows).toMatchObject([{ status: "unsupported", reason: expect.stringMatching(/^one run takes/) }]);
  });

  it("should take ratios against the baseline asked for", async () => {
    const { rows, settings } = await runBench(works, [cpu, loops], { ...short, baseline: "naive-js" });
    expect(settings.baseline).toBe("naive-js");
    expect(rows.filter(({ contender }) => contender === "naive-js")).toMatchObject([
      { ratio: 1 },
      { ratio: 1 },
    ]);
  });

  it("should refuse a baseline that does not take part, and numbers out of range", async () => {
    for (const options of [{ baseline: "gpu" }, { rounds: 0 }, { sampleMilliseconds: 0 }]) {
      await expect(runBench(works, [cpu], { ...short, ...options })).rejects.toThrow(OptionError);
    }
  });

  it("should tell how far it is, with all rows", async () => {
    const events: BenchProgress[] = [];
    const { rows } = await runBench(works, [cpu], { ...short, onProgress: (event) => events.push(event) });
    expect(events[0]).toEqual({ type: "opening", contender: "cpu" });
    const told = events.flatMap((event) => (event.type === "rows" ? [...event.rows] : []));
    expect(told.map(({ work }) => work)).toEqual(rows.map(({ work }) => work));
    expect(events.at(-1)).toMatchObject({ type: "rows", share: 1 });
  });

  it("should stop when asked to, and dispose of its contenders", async () => {
    const stop = new AbortController();
    let disposed = false;
    const watched: ContenderSource = {
      name: "cpu",
      open: async () => ({
        ...(await cpu.open()),
        async dispose() {
          disposed = true;
        },
      }),
    };
    const onProgress = ({ type }: BenchProgress) => type === "measuring" && stop.abort();
    const run = runBench(works, [watched], { ...short, signal: stop.signal, onProgress });
    await expect(run).rejects.toThrow("aborted");
    expect(disposed).toBe(true);
  });
});

describe("peers under Node", () => {
  const names: PeerName[] = ["tfjs-cpu", "tfjs-wasm", "jax-js-wasm", "onnxruntime-web-wasm"];
  const wasmSource: ContenderSource = {
    name: "wasm",
    open: async () => ours(await wasm({ threads: 1 }), { name: "wasm", package: "", version: "" }),
  };

  it("should run what they have, and agree with f64", async () => {
    const set: Work[] = [
      ...[gemm(20, 12, 8), gemm(8, 8, 8, 3), linear(3, 8, 10), exp(50), log(50), add(50), softmax(4, 30)],
      ...[rmsNorm(4, 30), sum(50), rowMax(4, 30), cholesky(20), decoderBlock("small", 3)],
    ];
    const sources = [wasmSource, ...names.map((name) => peerSource(name))];
    const { rows, absent } = await runBench(set, sources, { ...short, rounds: 1 });
    expect(absent).toEqual([]);
    const measured = (contender: string) =>
      rows.filter((row) => row.contender === contender && row.status === "ok").map(({ work }) => work);
    expect(measured("wasm")).toEqual(set.map(({ name }) => name));
    const general = set.filter(({ kind }) => !/cholesky|decoderBlock/.test(kind));
    for (const name of names)
      expect(measured(name)).toEqual(expect.arrayContaining(general.map((each) => each.name)));
    expect(measured("jax-js-wasm")).toContain("cholesky-20");
    expect(measured("tfjs-wasm")).toContain("decoderBlock-small-3");
    expect(rows.filter(({ status }) => status === "wrong")).toEqual([]);
  });

  it("should say that there is no WebGPU", async () => {
    const sources = (["tfjs-webgpu", "jax-js-webgpu", "onnxruntime-web-webgpu"] as const).map((name) =>
      peerSource(name),
    );
    const { absent } = await runBench([], sources, short);
    for (const { reason } of absent) expect(reason).toMatch(/^no WebGPU here/);
    expect(absent).toHaveLength(3);
  });
});

describe("sets of works", () => {
  it("should have a check of every work, and every name once", () => {
    for (const name of ["quick", "standard", "full"] as const) {
      const set = workSet(name);
      expect(new Set(set.map((work) => work.name)).size).toBe(set.length);
      for (const { kind } of set) expect(workChecks[kind]).toBeDefined();
    }
  });

  it("should be narrowed by kind and by name, and refuse what there is not", () => {
    expect(workSet("quick", ["gemm", "add-64K"]).map(({ name }) => name)).toEqual(["gemm-256", "add-64K"]);
    expect(workSet("full", ["linear"])).toHaveLength(24);
    expect(() => workSet("quick", ["gem"])).toThrow(/gem: choose from gemm, linear/);
  });

  it("should have layers of 2:4 weights, which contenders without sparse products multiply as they are", async () => {
    const result = await runBench([linear24(3, 16, 24)], [cpu, loops], short);
    expect(result.rows).toMatchObject([
      { contender: "cpu", status: "ok" },
      { contender: "naive-js", status: "ok" },
    ]);
  });
});
