import { OptionError, ShapeError } from "@denoise-rotator/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkPatternFits, formatPattern, parsePattern, patternSparsity, sharedRows } from "../src/index.js";

const text = fc.oneof(
  fc
    .record({
      keep: fc.integer({ min: 1, max: 9 }),
      more: fc.integer({ min: 1, max: 9 }),
      rows: fc.integer({ min: 1, max: 64 }),
    })
    .map(({ keep, more, rows }) => `${keep}:${keep + more}${rows === 1 ? "" : `/${rows}`}`),
  fc.integer({ min: 0, max: 99 }).map((percent) => String(percent / 100)),
);

describe("parsePattern", () => {
  it("should read what formatPattern writes", () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(formatPattern(parsePattern(value))).toBe(value);
      }),
    );
  });

  it("should tell the share removed and the rows that share their positions", () => {
    expect(parsePattern("2:4/32")).toEqual({ kind: "n:m", keep: 2, of: 4, rows: 32 });
    expect(parsePattern("2:4/1")).toEqual(parsePattern("2:4"));
    expect(["2:4", "1:4/8", "0.3"].map((value) => patternSparsity(parsePattern(value)))).toEqual([
      0.5, 0.75, 0.3,
    ]);
    expect(["2:4", "1:4/8", "0.3"].map((value) => sharedRows(parsePattern(value)))).toEqual([1, 8, 1]);
  });

  it.each(["5:4", "0:4", "2:4/0", "2:4/", "2:4/x", "2/4", "1", "-0.1", "", "NaN"])(
    "should refuse %j",
    (value) => {
      expect(() => parsePattern(value)).toThrow(OptionError);
      expect(() => parsePattern(value)).toThrow(`sparsity ${value}`);
    },
  );
});

describe("checkPatternFits", () => {
  it("should name the site and what does not divide", () => {
    const check = (pattern: string) => () => checkPatternFits(parsePattern(pattern), [6, 8], "q");
    expect(check("2:4")).not.toThrow();
    expect(check("2:4/3")).not.toThrow();
    expect(check("0.3")).not.toThrow();
    expect(check("3:7")).toThrow(ShapeError);
    expect(check("3:7")).toThrow("q: 8 inputs are not divisible by 7");
    expect(check("2:4/4")).toThrow("q: 6 outputs are not divisible by 4");
  });
});
