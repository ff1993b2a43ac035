import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as everything from "../src/index.js";

const parts = readdirSync(new URL("../src", import.meta.url)).filter((file) => file !== "index.ts");
/** `index` gives the webgpu backend's error this name. */
const renamed = new Map([["backend-gpujs.ts DeviceLostError", "GpujsDeviceLostError"]]);

describe("index", () => {
  // Two `export *` that disagree on a name silently export neither.
  it.each(parts)("should have all of %s", async (part) => {
    const exported: Record<string, unknown> = await import(/* @vite-ignore */ `../src/${part}`);
    const all: Record<string, unknown> = { ...everything };
    expect(Object.keys(exported).length).toBeGreaterThan(0);
    for (const [name, value] of Object.entries(exported)) {
      expect(all[renamed.get(`${part} ${name}`) ?? name], name).toBe(value);
    }
  });
});
