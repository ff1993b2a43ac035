import type { Backend } from "@denoise-rotator/core";
import { ConformanceError } from "./compare.js";
import { type ConformanceOptions, conformanceCases } from "./conformance.js";
import type { ConformanceCase } from "./kernel-case.js";
import { leakCheck } from "./leak-check.js";

/** What is needed of a test runner; vitest's functions fit as they are. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: (context: { skip(reason: string): void }) => Promise<void>): unknown;
  beforeAll(body: () => Promise<void>): unknown;
  afterAll(body: () => Promise<void>): unknown;
}

export interface DescribeOptions extends ConformanceOptions {
  /** Cases to run besides, such as `gradientCases()`. */
  readonly cases?: readonly ConformanceCase[];
}

/**
 * Declares one test per case of {@link conformanceCases} and `options.cases` on the backend `create` makes (a new one at
 * every call), which is disposed of at the end. Cases that do not apply are skipped with their reason.
 */
export function describeBackend(
  name: string,
  create: () => Backend | Promise<Backend>,
  { describe, it, beforeAll, afterAll }: TestRunner,
  options: DescribeOptions = {},
): void {
  describe(`${name} conforms`, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await create();
    });
    afterAll(() => backend?.dispose());
    it("should throw when used after it was disposed of", async () => {
      const other = await create();
      await other.dispose();
      if (doesNotThrow(() => other.allocate(16))) {
        throw new ConformanceError(`${other.name} allocates after dispose()`);
      }
    });
    for (const one of [...conformanceCases(options), ...(options.cases ?? [])]) {
      it(`should pass: ${one.name}`, async (context) => {
        const reason = one.skip(backend);
        if (reason !== undefined) return context.skip(reason);
        await leakCheck(backend, () => one.run(backend));
      });
    }
  });
}

function doesNotThrow(body: () => unknown): boolean {
  try {
    body();
    return true;
  } catch {
    return false;
  }
}
