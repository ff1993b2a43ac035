import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runIn } from "./command-line.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "denoise-rotator-demo-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("denoise-rotator demo", () => {
  it("should show what rotations buy", { timeout: 400_000 }, () => {
    const out = join(folder, "demo");
    const { status, stdout, stderr } = runIn(folder, "demo", "--eval-windows", "24", "--out", out, "--json");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    for (const pruner of ["wanda", "sparsegpt"]) {
      const { plain, rotated, gapClosed, maskValid, invarianceError, flops } = result[pruner]["2:4"];
      expect(result.dense.perplexity).toBeLessThan(rotated.perplexity);
      expect(rotated.perplexity).toBeLessThan(plain.perplexity);
      expect(gapClosed).toBeGreaterThan(0.4);
      expect(maskValid).toBe(true);
      for (const { continuation } of [plain, rotated]) {
        expect(continuation.rows).toBe(200);
        // Chance is 0.25, with a standard error of 0.03.
        expect(continuation.accuracy).toBeGreaterThan(0.35);
      }
      expect(invarianceError).toBeLessThan(1e-4);
      expect(flops).toBeGreaterThan(1e11);
    }
    expect(readdirSync(out).sort()).toEqual([
      "sparsegpt-2of4-plain",
      "sparsegpt-2of4-rotated",
      "wanda-2of4-plain",
      "wanda-2of4-rotated",
    ]);
    const { plain, rotated } = result.sparsegpt["2:4"];
    const page = readFileSync(result.report, "utf8");
    for (const { perplexity } of [result.dense, plain, rotated])
      expect(page).toContain(perplexity.toFixed(2));
  });
});
