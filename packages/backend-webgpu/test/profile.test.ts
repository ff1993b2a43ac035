import { Random } from "@denoise-rotator/core";
import { expect, it } from "vitest";
import { describeOnDevice } from "./adapter.js";
import { open } from "./open.js";
import { realInstance } from "./watched-instance.js";

describeOnDevice("the profile", () => {
  it("should count dispatches by operation, with their time where the adapter tells it", async () => {
    const adapter = await (await realInstance()).requestAdapter();
    const backend = await open({ profile: true });
    const x = new Random(0).normal([30, 400], { backend });
    const results = [];
    for (let i = 0; i < 200; i++) results.push(x.exp());
    results.push(x.neg());
    expect(await results[7]!.read()).toHaveLength(12_000);
    const rows = await backend.profile();
    expect(new Map(rows.map(({ op, dispatches }) => [op, dispatches]))).toEqual(
      new Map([
        ["exp", 200],
        ["neg", 1],
      ]),
    );
    for (const { milliseconds } of rows) {
      if (adapter?.features.has("timestamp-query")) expect(milliseconds).toBeGreaterThan(0);
      else expect(milliseconds).toBeUndefined();
    }
    expect(await backend.profile()).toEqual([]);
    for (const one of [x, ...results]) one.dispose();
    await backend.dispose();
  });

  it("should be empty unless asked for", async () => {
    const backend = await open();
    expect(await backend.profile()).toEqual([]);
    await backend.dispose();
  });
});
