import type { DecoderBlock, LinearSite, Site, SiteRole } from "@denoise-rotator/contracts";
import { describe, expect, it } from "vitest";
import {
  magnitude,
  none,
  type Pruner,
  pruneBlock,
  pruneSite,
  SharedWork,
  sparsegpt,
  wanda,
} from "../src/index.js";
import { backend, disposable, numbers, randomSite } from "./layers.js";

const roles: SiteRole[] = ["qProj", "kProj", "vProj", "oProj"];

/** A block of which pruning needs sites, groups and capture; capture notes what it was asked for. */
function attentionBlock(): { block: DecoderBlock; captured: string[]; dispose(): void } {
  const sites = roles.map((role, i) => {
    const site = randomSite(8, 16, { seed: i });
    return Object.defineProperties(site, {
      role: { value: role },
      name: { value: `block.0.${role}` },
    }) as Site;
  });
  const shared = sites[0]!.statistics!;
  const captured: string[] = [];
  const block = {
    name: "block.0",
    sites,
    groups: [["qProj", "kProj", "vProj"], ["oProj"]],
    capture: async (asked: readonly SiteRole[] = roles) => {
      captured.push(asked.join());
      for (const site of sites.slice(1, 3)) if (asked.includes(site.role)) site.setStatistics(shared);
    },
  };
  const dispose = () => {
    for (const site of sites) site.dispose();
  };
  return { block: block as unknown as DecoderBlock, captured, dispose };
}

describe("pruneBlock", () => {
  it("should go group by group, capturing before each, and report every site", async () => {
    using fixture = disposable(attentionBlock());
    const heard: string[] = [];
    const held: boolean[][] = [];
    const report = await pruneBlock(fixture.block, sparsegpt({ pattern: "2:4" }), {
      releaseStatistics: true,
      onSite: ({ name }) => {
        heard.push(name);
        held.push(fixture.block.sites.map(({ statistics }) => statistics !== undefined));
      },
    });
    expect(held.at(2)).toEqual([true, true, true, true]);
    expect(held.at(3)).toEqual([false, false, false, true]);
    expect(fixture.block.sites.every(({ statistics }) => statistics === undefined)).toBe(true);
    expect(fixture.captured).toEqual(["qProj,kProj,vProj", "oProj"]);
    expect(heard).toEqual(roles.map((role) => `block.0.${role}`));
    expect(report).toMatchObject({ name: "block.0", pruner: "sparsegpt", sparsity: 0.5, skipped: [] });
    for (const site of report.sites) {
      expect(site).toMatchObject({ pattern: "2:4", kept: 64, pruned: 64, sparsity: 0.5, maskValid: true });
      expect(site.error).toBeGreaterThan(0);
      expect(site.error).toBeLessThan(1);
      expect(site.damping).toBeGreaterThan(0);
    }
  });

  it("should leave skipped sites dense, by role or by test", async () => {
    using fixture = disposable(attentionBlock());
    const report = await pruneBlock(fixture.block, magnitude(), { skip: ["oProj"] });
    expect(report.skipped).toEqual(["block.0.oProj"]);
    expect(report.sparsity).toBe(3 / 8);
    expect(fixture.captured).toEqual(["qProj,kProj,vProj"]);
    const none = await pruneBlock(fixture.block, wanda(), {
      skip: (site: LinearSite) => site.role !== "kProj",
    });
    expect(none.sites.map(({ role }) => role)).toEqual(["kProj"]);
  });

  it("should take the statistics that are there if told not to capture", async () => {
    using fixture = disposable(attentionBlock());
    await pruneBlock(fixture.block, wanda(), { capture: false, pattern: 0.25 });
    expect(fixture.captured).toEqual([]);
    fixture.block.sites[3]!.setStatistics(undefined);
    await expect(pruneBlock(fixture.block, magnitude(), { capture: false })).rejects.toThrow(
      /oProj has no stat/,
    );
  });

  it("should free all it made but the weights", async () => {
    using fixture = disposable(attentionBlock());
    await fixture.block.capture();
    const before = backend.capabilities.allocatedBytes();
    await pruneBlock(fixture.block, sparsegpt());
    await pruneBlock(fixture.block, wanda({ pattern: "1:2" }));
    await pruneBlock(fixture.block, none());
    expect(backend.capabilities.allocatedBytes()).toBe(before);
  });
});

describe("SharedWork", () => {
  it("should make a thing once for a pruner and a key, and free it once", async () => {
    const [made, freed]: [string[], string[]] = [[], []];
    const make = (name: string) => async () => {
      made.push(name);
      return { dispose: () => freed.push(name) };
    };
    const [one, other, H] = [{}, {}, {}];
    const work = new SharedWork();
    expect(await work.once(one, H, make("a"))).toBe(await work.once(one, H, make("b")));
    await work.once(other, H, make("c"));
    await work.once(one, {}, make("d"));
    await work.release(other);
    expect(freed).toEqual(["c"]);
    await expect(work.once(one, other, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await work.dispose();
    await work.dispose();
    expect(made).toEqual(["a", "c", "d"]);
    expect(freed.sort()).toEqual(["a", "c", "d"]);
  });
});

describe("pruneSite", () => {
  it("should keep every weight with none", async () => {
    using site = disposable(randomSite(3, 5));
    const before = await numbers(site.weight);
    expect(await pruneSite(site, none())).toMatchObject({ pruned: 0, error: 0, maskValid: true });
    expect(await numbers(site.weight)).toEqual(before);
  });

  it("should prune by magnitude without statistics, with no error to report", async () => {
    using site = disposable(randomSite(3, 8));
    site.setStatistics(undefined);
    expect(await pruneSite(site, magnitude({ pattern: "2:4" }))).toMatchObject({
      pruned: 12,
      error: undefined,
    });
  });

  it("should tell of a custom pruner whose mask breaks the pattern or whose weights break the mask", async () => {
    using site = disposable(randomSite(2, 8));
    const forgetful: Pruner = { ...none(), name: "forgetful" };
    expect((await pruneSite(site, forgetful, { pattern: "2:4" })).maskValid).toBe(false);
    const untrue: Pruner = {
      ...magnitude(),
      async prune(target, pattern) {
        const { weight, mask } = await magnitude().prune(target, pattern);
        weight.dispose();
        return { weight: target.weight.add(1), mask };
      },
    };
    expect((await pruneSite(site, untrue, { pattern: "2:4" })).maskValid).toBe(false);
  });
});
