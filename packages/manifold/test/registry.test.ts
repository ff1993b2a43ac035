import { OptionError } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { createSolver, solverNames } from "../src/index.js";

describe("createSolver", () => {
  it("should make every solver by its name", () => {
    for (const name of solverNames) expect(createSolver(name)).toMatchObject({ name });
    expect(createSolver("muon", { momentum: 0.5, newtonSchulzSteps: 3 }).name).toBe("muon");
  });

  it("should refuse options a solver does not have, and unknown names with a suggestion", () => {
    expect(() => createSolver("adam", { newtonSchulzSteps: 3 })).toThrow(/adam has no newtonSchulzSteps/);
    expect(() => createSolver("qr-adam", { momentum: 0.5 })).toThrow(OptionError);
    expect(() => createSolver("moun" as never)).toThrow(/did you mean muon/);
  });
});
