import { NonFiniteError, OptionError, ShapeError } from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import {
  createPruner,
  none,
  type Pruner,
  prunerNames,
  pruneSite,
  registerPruner,
  wanda,
} from "../src/index.js";
import { backend, disposable, numbers, pruners, randomSite, siteWith } from "./layers.js";

describe.each(pruners.map((pruner) => [pruner.name, pruner] as const))("bad input to %s", (_, pruner) => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    "should be an error that names the site: weight %d",
    async (bad) => {
      const H = [0, 1].map((i) => [0, 1].map((j) => Number(i === j)));
      using site = disposable(siteWith([[1, bad]], H));
      const before = backend.capabilities.allocatedBytes();
      await expect(pruneSite(site, pruner)).rejects.toThrow(NonFiniteError);
      await expect(pruneSite(site, pruner)).rejects.toThrow(/^block\.0\.up: the weight/);
      expect(backend.capabilities.allocatedBytes()).toBe(before);
    },
  );

  it("should be an error that names the site: H", async () => {
    using site = disposable(
      siteWith(
        [[1, 2]],
        [
          [1, 0],
          [0, Number.NaN],
        ],
      ),
    );
    await expect(pruneSite(site, pruner)).rejects.toThrow(NonFiniteError);
    await expect(pruneSite(site, pruner)).rejects.toThrow(/^block\.0\.up: H/);
    expect(await numbers(site.weight)).toEqual([1, 2]);
  });

  it("should be an error that names the site: inputs that M does not divide", async () => {
    using site = disposable(randomSite(2, 6));
    await expect(pruneSite(site, pruner, { pattern: "2:4" })).rejects.toThrow(ShapeError);
    await expect(pruneSite(site, pruner, { pattern: "2:4" })).rejects.toThrow(/block\.0\.up: 6 inputs/);
  });
});

describe("bad results", () => {
  it("should be errors that name the site, and leave it as it was", async () => {
    using site = disposable(randomSite(2, 4));
    const weight = await numbers(site.weight);
    const before = backend.capabilities.allocatedBytes();
    const broken = (
      change: (result: Awaited<ReturnType<Pruner["prune"]>>) => ReturnType<Pruner["prune"]>,
    ): Pruner => ({
      ...none(),
      name: "broken",
      prune: async (target, pattern) => change(await none().prune(target, pattern)),
    });
    const nan = broken(async ({ weight, mask }) => {
      using old = weight;
      return { weight: old.div(0), mask };
    });
    await expect(pruneSite(site, nan)).rejects.toThrow(/block\.0\.up: the weight that broken made/);
    const turned = broken(async ({ weight, mask }) => {
      using old = weight;
      return { weight: old.transpose(), mask };
    });
    await expect(pruneSite(site, turned)).rejects.toThrow(ShapeError);
    expect(await numbers(site.weight)).toEqual(weight);
    expect(backend.capabilities.allocatedBytes()).toBe(before);
  });

  it("should ask for statistics where there are none", async () => {
    using site = disposable(siteWith([[1, 2]]));
    await expect(pruneSite(site, wanda())).rejects.toThrow(/block\.0\.up has no statistics/);
  });
});

describe("registry", () => {
  it("should make the built-in pruners by name, with their options", () => {
    expect(prunerNames()).toEqual(["magnitude", "wanda", "sparsegpt", "admm", "none"]);
    expect(createPruner("wanda", { pattern: "2:4" }).pattern).toEqual({ kind: "n:m", keep: 2, of: 4 });
    expect(createPruner("sparsegpt", { damping: 0.1 }).importance.damping).toBe(0.1);
    expect(createPruner("magnitude").pattern).toEqual({ kind: "unstructured", sparsity: 0.5 });
  });

  it("should make a registered one, and register a name once", () => {
    registerPruner("mine", () => ({ ...none(), name: "mine" }));
    expect(createPruner("mine").name).toBe("mine");
    expect(() => registerPruner("wanda", none)).toThrow(OptionError);
  });

  it("should guess what an unknown name meant", () => {
    expect(() => createPruner("sparsgpt")).toThrow(/sparsgpt is unknown\. Did you mean sparsegpt\?/);
    expect(() => createPruner("Wanda")).toThrow(/Did you mean wanda\?/);
    expect(() => createPruner("gptq-lasso")).toThrow(OptionError);
    expect(() => createPruner("gptq-lasso")).not.toThrow(/Did you mean/);
  });
});
