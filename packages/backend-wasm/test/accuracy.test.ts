import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { wasm } from "../src/index.js";
import { blank, f32, place, values } from "./support.js";

interface Golden {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Root mean square of PyTorch's errors in units of 2⁻²⁴·√k. */
  readonly error: number;
}

const golden: { readonly cases: readonly Golden[] } = JSON.parse(
  readFileSync(new URL("../../../goldens/core/matmul-error.json", import.meta.url), "utf8"),
);

/** The factors of `goldens/core/make.py`. */
const residues = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) =>
    Math.fround(((i * i * 31 + i * seed * 7919 + seed) % 10007) / 5003.5 - 1),
  );

describe.each([false, true])("errors of products, turbo: %s", (turbo) => {
  it.each(golden.cases)("should be at most twice PyTorch's: $m × $n × $k", async ({ m, n, k, error }) => {
    await using backend = await wasm({ threads: 1, turbo, onNotice: () => {} });
    const [a, b] = [residues(m * k, 3), residues(k * n, 5)];
    const [x, y, out] = [f32([m, k], a), f32([k, n], b), blank("f32", [m, n])].map((each) =>
      place(backend, each),
    );
    backend.kernels.matmul(x!, y!, out!, { alpha: 1, accumulate: false });
    let squares = 0;
    for (const [at, value] of values(backend, out!).entries()) {
      const [i, j] = [Math.floor(at / n), at % n];
      let exact = 0;
      for (let s = 0; s < k; s++) exact += a[i * k + s]! * b[s * n + j]!;
      squares += (value - exact) ** 2;
    }
    const found = (Math.sqrt(squares / (m * n)) * 2 ** 24) / Math.sqrt(k);
    expect(found).toBeGreaterThan(0);
    expect(found).toBeLessThan(2 * error);
  });
});
