import { wasm } from "@denoise-rotator/backend-wasm";
import { expect, it } from "vitest";
import { measureTaskParity } from "../src/parity/task-parity.js";

it("should agree with lm-evaluation-harness on every row of every task, and on what it prints", async () => {
  await using device = await wasm({ threads: 1 });
  const { rows } = await measureTaskParity(device);
  expect(rows.length).toBe(15);
  expect(rows.some(({ truncated }) => truncated > 0)).toBe(true);
  for (const { run, metrics, ...differences } of rows) {
    expect(differences, run).toMatchObject({ greedyDifferences: 0, rowDifferences: 0 });
    expect(differences.scoreError, run).toBeLessThan(1e-3);
    for (const { name, ours, theirs, ourError, theirError } of metrics) {
      // A perplexity is what log-likelihoods in f32 make of it, and the harness bootstraps its error.
      if (name === "perplexity") {
        expect(ours / theirs, run).toBeCloseTo(1, 3);
        continue;
      }
      expect(ours, `${run}, ${name}`).toBe(theirs);
      expect(ourError, `${run}, ${name}`).toBeCloseTo(theirError, 12);
    }
  }
});
