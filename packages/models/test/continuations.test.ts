import type { ContinuationRequest } from "@denoise-rotator/contracts";
import { createCpuBackend, OptionError } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Model, openModel } from "../src/index.js";
import { randomCheckpoint } from "./random-checkpoint.js";

/** By the logits of the whole window, alone. */
async function expected(model: Model, { context, continuation }: ContinuationRequest) {
  const ids = [...context, ...continuation];
  const dropped = Math.max(0, ids.length - model.contextLength - 1);
  const window = Int32Array.from(ids.slice(dropped, -1));
  const logits = await model.logits([window]);
  const values = await logits.read();
  logits.dispose();
  let logLikelihood = 0;
  let greedy = true;
  for (const [i, target] of continuation.entries()) {
    const position = window.length - continuation.length + i;
    const row = Array.from(
      values.slice(position * model.vocabularySize, (position + 1) * model.vocabularySize),
      Number,
    );
    const most = Math.max(...row);
    const normaliser = most + Math.log(row.reduce((sum, value) => sum + Math.exp(value - most), 0));
    logLikelihood += row[target]! - normaliser;
    greedy &&= row[target] === most;
  }
  return { logLikelihood, greedy, dropped };
}

const ids = (least: number, most: number) =>
  fc
    .array(fc.integer({ min: 0, max: 28 }), { minLength: least, maxLength: most })
    .map((values) => Int32Array.from(values));
const requests = fc.array(fc.record({ context: ids(1, 40), continuation: ids(1, 5) }), {
  minLength: 1,
  maxLength: 9,
});

describe("scoreContinuations", () => {
  it("should score requests of any lengths as each alone, in their order, and say what it dropped", async () => {
    const device = createCpuBackend();
    await using model = await openModel(await randomCheckpoint(), { device });
    await fc.assert(
      fc.asyncProperty(requests, async (given) => {
        const found = await model.scoreContinuations(given);
        expect(found.length).toBe(given.length);
        for (const [i, request] of given.entries()) {
          const { logLikelihood, ...rest } = await expected(model, request);
          expect(found[i]).toMatchObject(rest);
          expect(found[i]!.logLikelihood).toBeCloseTo(logLikelihood, 4);
        }
      }),
      { numRuns: 12 },
    );
    expect(device.capabilities.allocatedBytes()).toBe(0);
  });

  it("should do so where requests begin alike, whatever the family", async () => {
    const few = (least: number, most: number) =>
      fc
        .array(fc.integer({ min: 0, max: 1 }), { minLength: least, maxLength: most })
        .map((values) => Int32Array.from(values));
    const alike = fc
      .tuple(
        fc.array(few(1, 30), { minLength: 1, maxLength: 2 }),
        fc.array(few(1, 4), { minLength: 1, maxLength: 5 }),
      )
      .map(([contexts, ends]) =>
        contexts.flatMap((context) => ends.map((continuation) => ({ context, continuation }))),
      );
    for (const model_type of ["llama", "qwen2", "qwen3", "mistral"]) {
      const differs = { model_type, use_sliding_window: true, sliding_window: 6, max_window_layers: 1 };
      const device = createCpuBackend();
      await using model = await openModel(await randomCheckpoint({ differs }), { device });
      await fc.assert(
        fc.asyncProperty(alike, async (given) => {
          const found = await model.scoreContinuations(given);
          for (const [i, request] of given.entries()) {
            const { logLikelihood, ...rest } = await expected(model, request);
            expect(found[i]).toMatchObject(rest);
            expect(found[i]!.logLikelihood).toBeCloseTo(logLikelihood, 4);
          }
        }),
        { numRuns: 6 },
      );
      expect(device.capabilities.allocatedBytes()).toBe(0);
    }
  });

  it("should name the request whose values are not finite", async () => {
    // 3e38 in the residual stream of token 5, doubled by the first block's bias.
    const edit = (name: string, values: Float32Array) => {
      if (name.includes("embed_tokens")) values.fill(3e38, 12 * 5, 12 * 6);
      if (name === "model.layers.1.mlp.down_proj.bias") values.fill(3e38);
    };
    await using model = await openModel(await randomCheckpoint({ edit }), { device: createCpuBackend() });
    const requests = [3, 5].map((id) => ({ context: Int32Array.of(1, id), continuation: Int32Array.of(2) }));
    await expect(model.scoreContinuations(requests)).rejects.toThrow(
      "request 1: the outputs of model.layers.1 hold Infinity",
    );
  });

  it("should call greedy what greedy decoding gives, and nothing else", async () => {
    await using model = await openModel(await randomCheckpoint(), { device: createCpuBackend() });
    const context = Int32Array.of(3, 1, 4);
    const decoded: number[] = [];
    while (decoded.length < 4) {
      const logits = await model.logits([Int32Array.from([...context, ...decoded])]);
      const last = Array.from((await logits.read()).slice(-model.vocabularySize), Number);
      logits.dispose();
      decoded.push(last.indexOf(Math.max(...last)));
    }
    const other = decoded.map((id, i) => (i === 3 ? (id + 1) % model.vocabularySize : id));
    const scores = await model.scoreContinuations(
      [decoded, other].map((continuation) => ({ context, continuation: Int32Array.from(continuation) })),
    );
    expect(scores.map(({ greedy }) => greedy)).toEqual([true, false]);
  });

  it("should refuse what has nothing to score or does not fit, naming the request", async () => {
    await using model = await openModel(await randomCheckpoint(), { device: createCpuBackend() });
    const fine = { context: Int32Array.of(1), continuation: Int32Array.of(2) };
    const score = (bad: Partial<ContinuationRequest>) =>
      model.scoreContinuations([fine, { ...fine, ...bad }]);
    await expect(score({ context: new Int32Array() })).rejects.toThrow("request 1: its context is empty");
    await expect(score({ continuation: new Int32Array() })).rejects.toThrow("its continuation is empty");
    await expect(score({ continuation: new Int32Array(33) })).rejects.toThrow("33 tokens is longer");
    await expect(score({ context: Int32Array.of(29) })).rejects.toThrow(OptionError);
    expect(await model.scoreContinuations([])).toEqual([]);
  });

  it("should report progress over blocks and stop when asked", async () => {
    await using model = await openModel(await randomCheckpoint(), { device: createCpuBackend() });
    const given = [{ context: Int32Array.of(1), continuation: Int32Array.of(2) }];
    const progress: number[][] = [];
    await model.scoreContinuations(given, { onProgress: (...event) => progress.push(event) });
    expect(progress).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(model.scoreContinuations(given, { signal })).rejects.toThrow("enough");
  });
});
