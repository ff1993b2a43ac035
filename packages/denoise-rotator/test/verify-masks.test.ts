import { parsePattern } from "@denoise-rotator/contracts";
import { describe, expect, it } from "vitest";
import { obeys } from "../src/pipeline/verify-masks.js";

const weight = (...rows: number[][]) => Float32Array.from(rows.flat());

describe("obeys", () => {
  const alike = weight([1, 0, 2, 0], [3, 0, 0, 0], [0, 4, 5, 0], [0, 6, 7, 0]);
  const other = weight([1, 0, 2, 0], [3, 0, 0, 1], [0, 4, 5, 0], [0, 6, 7, 0]);

  it("should look at each row, or at rows that share their positions together", () => {
    const check = (values: Float32Array, pattern: string) => obeys(values, 4, parsePattern(pattern));
    expect(check(alike, "2:4")).toBe(true);
    expect(check(other, "2:4")).toBe(true);
    expect(check(other, "1:4")).toBe(false);
    expect(check(alike, "2:4/2")).toBe(true);
    expect(check(other, "2:4/2")).toBe(false);
    expect(check(alike, "2:4/4")).toBe(false);
    expect(check(alike, "0.5")).toBe(true);
    expect(check(alike, "0.75")).toBe(false);
  });
});
