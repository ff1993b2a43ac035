import fc from "fast-check";
import { afterEach, beforeEach, expect, vi } from "vitest";

// One seed for every property of a run; a failure prints it, `FC_SEED=… pnpm test` repeats it.
// Where there is none, the definitions for browsers leave the text "null" in the environment.
const given = Number(process.env.FC_SEED || Number.NaN);
const seed = Number.isSafeInteger(given) ? given : Date.now() % 2 ** 31;
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed, interruptAfterTimeLimit: 45_000 });

const streams = ["log", "info", "warn", "error", "debug"] as const;
beforeEach(() => {
  for (const stream of streams) vi.spyOn(console, stream);
});
afterEach(() => {
  for (const stream of streams) {
    const spy = vi.mocked(console[stream]);
    const calls = spy.mock.calls;
    spy.mockRestore();
    expect(calls, `stray console.${stream} in a test`).toEqual([]);
  }
});
