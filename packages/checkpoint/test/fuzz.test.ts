import { HubError } from "@denoise-rotator/hub";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError } from "../src/index.js";
import { AllocationMeter } from "./fuzz/allocations.js";
import { fuzzTargets } from "./fuzz/targets.js";
import { Watchdog } from "./fuzz/watchdog.js";

/** Cases of each kind of file; `pnpm fuzz --runs N` sets it for a longer run. */
const runs = Number(process.env.FUZZ_RUNS ?? 4200);
const long = process.env.FUZZ_RUNS !== undefined;
/** A case takes a millisecond; one that takes this long hangs, however busy the machine is. */
const caseLimit = 60_000;
/** Arrays may be this many times as large as the file (one weight kept of 16 becomes 16), or as some fixed table. */
const [growth, fixed] = [32, 2 ** 20];

const watchdog = new Watchdog(caseLimit);
afterAll(() => watchdog[Symbol.dispose]());

describe.each(fuzzTargets)("$name from strangers", ({ name, files, use }) => {
  it("should be used or refused by a typed error that names it, without a hang, reads past its end or large arrays", {
    timeout: long ? 2 ** 31 - 1 : 120_000,
  }, async () => {
    using meter = new AllocationMeter();
    await fc.assert(
      fc.asyncProperty(files, async (bytes) => {
        meter.largest = 0;
        let beyond: string | undefined;
        const label = `${name} ${Buffer.from(bytes).toString("base64")}`;
        try {
          await watchdog.watch(label, () =>
            use(bytes, (source) => ({
              ...source,
              async read(offset, length) {
                if (offset + length > (await source.size())) beyond = `${length} bytes at ${offset}`;
                return source.read(offset, length);
              },
            })),
          );
        } catch (error) {
          if (!(error instanceof CheckpointError || error instanceof HubError)) throw error;
          expect(error.message).toMatch(/^m\//);
          expect(error.message).not.toMatch(/\n|undefined|\[object/);
          expect(error.message.length).toBeLessThan(1000);
        }
        expect(beyond).toBeUndefined();
        expect(meter.largest).toBeLessThanOrEqual(growth * bytes.length + fixed);
      }),
      { numRuns: runs, interruptAfterTimeLimit: 2 ** 31 - 1 },
    );
  });
});
