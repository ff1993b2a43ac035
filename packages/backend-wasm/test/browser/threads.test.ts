import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allCases } from "./all-cases.js";
import type { Answer, Request } from "./case-worker.js";

/** The seed of the run, which a failure prints. */
const { seed = 1 } = fc.readConfigureGlobal();

describe("wasm with threads, in a worker of an isolated page", () => {
  let worker: Worker;
  const ask = (request: Request) =>
    new Promise<Answer>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(request);
    });

  beforeAll(async () => {
    worker = new Worker(new URL("./case-worker.ts", import.meta.url), { type: "module" });
    const { error, threads } = await ask({ kind: "open", threads: 2, seed });
    expect(error).toBeUndefined();
    expect(threads).toBe(2);
  });
  afterAll(async () => {
    await ask({ kind: "close" });
    worker.terminate();
  });

  for (const [index, { name }] of allCases(seed).entries()) {
    it(`should pass: ${name}`, async (context) => {
      const { skip, error } = await ask({ kind: "run", index });
      if (skip !== undefined) return context.skip(skip);
      expect(error).toBeUndefined();
    });
  }
});
