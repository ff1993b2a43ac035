import {
  fromArray,
  item,
  NonFiniteError,
  NotPositiveDefiniteError,
  OptionError,
  tensor,
  tidy,
} from "@denoise-rotator/core";
import { describe, expect, it } from "vitest";
import { factorDamped } from "../src/index.js";
import { positiveDefinite } from "./support.js";

describe("factorDamped", () => {
  it("should factor H + damping · mean diagonal", async () => {
    const H = positiveDefinite(1, 80);
    const { L, damping, relativeDamping, dead } = await factorDamped(H, { damping: 0.01, name: "q" });
    const mean = await item(H.diagonal().mean());
    expect(damping).toBeCloseTo(0.01 * mean, 6);
    expect([relativeDamping, dead]).toEqual([0.01, []]);
    const shift = tidy(() => L.matmul(L.transpose()).sub(H));
    expect(await item(shift.diagonal().mean())).toBeCloseTo(damping, 5);
    expect(await item(shift.abs().sum().sub(shift.diagonal().abs().sum()))).toBeLessThan(1e-2);
  });

  it("should factor in place what a function makes, anew for every attempt", async () => {
    const values = new Float32Array(50 * 50);
    for (let i = 0; i < 50; i++) values[i * 51] = 1;
    values[49] = values[49 * 50] = 1.1;
    const H = fromArray(values, [50, 50]);
    const options = { damping: 0.03, name: "q" };
    const copied = await factorDamped(H, options);
    let made = 0;
    const inPlace = await factorDamped(() => {
      made++;
      return fromArray(values, [50, 50]);
    }, options);
    expect(made).toBe(2);
    expect(inPlace.relativeDamping).toBe(0.3);
    expect({ ...inPlace, L: await inPlace.L.read() }).toEqual({ ...copied, L: await copied.L.read() });
  });

  it("should revive dead columns", async () => {
    const H = tensor(
      [
        [4, 0, 1],
        [0, 0, 0],
        [1, 0, 3],
      ],
      { dtype: "f64" },
    );
    const { L, damping, dead } = await factorDamped(H, { damping: 0.03, name: "q" });
    expect(dead).toEqual([1]);
    expect(damping).toBeCloseTo(0.03 * (8 / 3), 12);
    expect(await item(L.diagonal().slice([1, 2]).sum())).toBeCloseTo(Math.sqrt(1.08), 12);
  });

  it("should raise the damping tenfold until it holds", async () => {
    const H = fromArray([1, 1.05, 1.05, 1], [2, 2]);
    const { relativeDamping } = await factorDamped(H, { damping: 0.01, name: "q" });
    expect(relativeDamping).toBeCloseTo(0.1, 12);
  });

  it("should name the layer where no damping helps, and where numbers are bad", async () => {
    const hopeless = fromArray([1, 100, 100, 1], [2, 2]);
    const failure = factorDamped(hopeless, { damping: 0.01, name: "blocks.3.downProj" });
    await expect(failure).rejects.toThrow(NotPositiveDefiniteError);
    await expect(failure).rejects.toMatchObject({
      pivot: 1,
      message: expect.stringContaining("blocks.3.downProj"),
    });
    const bad = fromArray([1, 0, 0, Number.NaN], [2, 2]);
    await expect(factorDamped(bad, { damping: 0.01, name: "q" })).rejects.toThrow(NonFiniteError);
    await expect(factorDamped(hopeless, { damping: -1, name: "q" })).rejects.toThrow(OptionError);
  });

  it("should leave nothing behind but L", async () => {
    const H = positiveDefinite(2, 40);
    const before = H.backend.capabilities.allocatedBytes();
    const { L } = await factorDamped(H, { damping: 0.01, name: "q" });
    L.dispose();
    expect(H.backend.capabilities.allocatedBytes()).toBe(before);
  });
});
