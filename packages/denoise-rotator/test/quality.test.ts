import { OptionError } from "@denoise-rotator/core";
import { magnitude, none, sparsegpt, wanda } from "@denoise-rotator/pruners";
import { describe, expect, it } from "vitest";
import { type PruneOptions, resolveOptions } from "../src/pipeline/options.js";
import { qualities } from "../src/pipeline/quality.js";

const resolve = (options: Omit<PruneOptions, "model">, pruner = sparsegpt()) =>
  resolveOptions({ model: "tiny", ...options }, pruner, 256);
const off = { refine: "none", match: false, transport: false, reconstruct: 0 };

describe("allocation", () => {
  it("should be for unstructured sparsity alone", () => {
    expect(resolve({ sparsity: 0.5, allocation: "global" }).allocation).toBe("global");
    expect(resolve({}).allocation).toBe("uniform");
    expect(() => resolve({ sparsity: "2:4", allocation: "global" })).toThrow(
      /--allocation global.*not of 2:4/,
    );
    expect(() => resolve({ sparsity: 0.5, allocation: "owl" as "global" })).toThrow(/--allocation owl/);
  });
});

describe("format", () => {
  it("should be packed for N:M patterns alone that are pruned to", () => {
    expect(resolve({}).format).toBe("plain");
    for (const sparsity of ["2:4", "4:8", "1:16"]) {
      expect(resolve({ sparsity, format: "packed" }).format).toBe("packed");
    }
    for (const [options, pruner, message] of [
      [{ sparsity: 0.5 }, wanda(), /--format packed: .*unstructured --sparsity 0\.5/],
      [{ sparsity: "8:32" }, wanda(), /--format packed: "8:32"/],
      [{}, none(), /--format packed: --pruner none/],
    ] as const) {
      expect(() => resolve({ format: "packed", ...options }, pruner)).toThrow(message);
    }
    expect(() => resolve({ format: "zip" as "packed" })).toThrow(/--format zip: choose one of plain, packed/);
  });
});

describe("quality", () => {
  it("should fill in what a preset fixes, `default` where none is named", () => {
    expect(resolve({})).toEqual(resolve({ quality: "default" }));
    for (const quality of ["fast", "default", "best"] as const) {
      const { rotationSteps, ...fixed } = qualities[quality];
      expect(resolve({ quality })).toMatchObject({ quality, ...fixed });
      if (rotationSteps !== null) expect(resolve({ quality }).steps).toBe(rotationSteps);
    }
    expect(resolve({ quality: "fast" }).steps).toBe(25);
  });

  it("should let options that are given win, one by one", () => {
    const given = {
      refine: "none",
      match: false,
      reconstruct: 7,
      samples: 3,
      rotationPreset: "fast",
    } as const;
    expect(resolve({ quality: "best", ...given })).toMatchObject({ ...given, transport: true, steps: 25 });
    expect(resolve({ quality: "fast", match: true })).toMatchObject({ ...off, match: true });
    expect(resolve({ quality: "best", objective: "entropy" })).toMatchObject({
      rotationPreset: "paper",
      steps: 2000,
    });
    expect(resolve({ quality: "best", steps: 9 }).steps).toBe(9);
  });

  it("should change no weights of pruners that leave them, unless asked for the best or by name", () => {
    for (const pruner of [wanda(), magnitude()]) {
      expect(resolve({}, pruner)).toMatchObject(off);
      expect(resolve({ refine: "pcg" }, pruner)).toMatchObject({ ...off, refine: "pcg" });
      expect(resolve({ quality: "best" }, pruner)).toMatchObject({
        refine: "pcg",
        match: true,
        transport: true,
      });
    }
    expect(resolve({ quality: "best" }, none())).toMatchObject(off);
  });

  it("should have no output maps without changes of basis", () => {
    expect(resolve({ quality: "best", rotate: "none" })).toMatchObject({ match: true, transport: false });
    expect(() => resolve({ transport: true, rotate: "none" })).toThrow(/--transport.*--rotate per-block/);
  });

  it("should name the option that is out of range", () => {
    expect(() => resolve({ quality: "high" as "best" })).toThrow(
      /--quality high: choose one of fast, default, best/,
    );
    expect(() => resolve({ refine: "cg" as "pcg" })).toThrow(/--refine cg/);
    expect(() => resolve({ reconstruct: 1.5 })).toThrow(OptionError);
    expect(() => resolve({ samples: 0 })).toThrow(/--samples 0/);
  });
});
