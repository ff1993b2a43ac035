import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { findChromium } from "../chromium/index.js";

const { required, missing } = findChromium();
const skip = missing !== undefined && !required;

describe.skipIf(skip)(`the watchdog${skip ? ` (${missing})` : ""}`, () => {
  it("should end a run whose page is caught in a loop, as failed", { timeout: 90_000 }, () => {
    const vitest = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));
    const root = fileURLToPath(new URL("wedged", import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [vitest, "run", "--root", root], {
      encoding: "utf8",
      env: { ...process.env, VITEST: undefined, NO_COLOR: "1" },
      timeout: 80_000,
      killSignal: "SIGKILL",
    });
    expect(stderr).toContain("silent for 0.05 minutes; the browser is closed");
    expect(stderr).toContain("page-in-a-loop.ts");
    expect(status).toBe(1);
  });
});
