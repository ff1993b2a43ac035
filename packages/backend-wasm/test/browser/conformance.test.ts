import { coreOpTable, describeBackend, gradientCases } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { wasm } from "../../src/index.js";

const runner = { describe, it, beforeAll, afterAll };
const onPage = () => wasm({ threads: 2 });

describe("wasm on a page's main thread, which may not wait", () => {
  it("should take one thread", async () => {
    await using backend = await onPage();
    expect(crossOriginIsolated).toBe(true);
    expect(backend.capabilities.description.threads).toBe(1);
  });

  describeBackend("wasm", onPage, runner, { cases: gradientCases(coreOpTable) });
});
