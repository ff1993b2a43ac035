import { OptionError } from "@denoise-rotator/core";
import { muon } from "@denoise-rotator/manifold";
import { describe, expect, it } from "vitest";
import { defaultSiteWeights, resolveSettings, rotationPresets } from "../src/index.js";

const plain = (settings: Parameters<typeof resolveSettings>[0]) => {
  const { solver, siteWeights: _, ...rest } = resolveSettings(settings);
  return { solver: solver.name, ...rest };
};

describe("resolveSettings", () => {
  it("should give a preset as it is", () => {
    expect(plain({})).toEqual(rotationPresets.default);
    for (const preset of ["fast", "default", "paper"] as const) {
      expect(plain({ preset })).toEqual(rotationPresets[preset]);
    }
  });

  it("should take the paper's recipe for its objective", () => {
    expect(plain({ objective: "entropy" })).toEqual(rotationPresets.paper);
    expect(plain({ objective: "direct", preset: "paper" })).toMatchObject({
      objective: "direct",
      start: "pca-dealt",
    });
  });

  it("should let what is given win, and take another solver's own defaults", () => {
    expect(plain({ preset: "fast", steps: 7, learningRate: 0.3, start: "pca" })).toEqual({
      ...rotationPresets.fast,
      ...{ steps: 7, learningRate: 0.3, start: "pca" },
    });
    expect(plain({ solver: "adam" })).toMatchObject({ solver: "adam", steps: 200, learningRate: undefined });
    expect(plain({ solver: muon({ learningRate: 0.3 }) })).toMatchObject({ learningRate: undefined });
  });

  it("should weigh the sites unless told otherwise", () => {
    expect(resolveSettings({}).siteWeights).toBe(defaultSiteWeights);
    expect(resolveSettings({ siteWeights: {} }).siteWeights).toEqual({});
  });

  it("should refuse what is unknown or out of range", () => {
    const bad = [
      { preset: "slow" },
      { objective: "other" },
      { start: "random" },
      { solver: "sgd" },
      { steps: 1.5 },
      { solver: "adam", newtonSchulzSteps: 3 },
      { solver: muon(), newtonSchulzSteps: 3 },
    ];
    for (const settings of bad) expect(() => resolveSettings(settings as never)).toThrow(OptionError);
  });
});
