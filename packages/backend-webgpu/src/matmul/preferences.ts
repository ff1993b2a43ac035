import type { Engine } from "../engine/engine.js";
import { tileBytes } from "./tiles.js";
import { type Variant, type VariantName, variants } from "./variants.js";

/** Kinds of adapter that want different variants. */
export type AdapterKind = "swiftshader" | "software" | "gpu";

/** The variant for results of many tiles, and for those whose tiles would leave most of the device idle. */
export interface Preferences {
  readonly large: VariantName;
  readonly small: VariantName;
}

/** Devices of older browsers do not know their adapter: they count as GPUs. */
export const adapterInfoOf = ({ device }: Engine): Partial<GPUAdapterInfo> => device.adapterInfo ?? {};

export function adapterKind(engine: Engine): AdapterKind {
  const info = adapterInfoOf(engine);
  const names = [info.vendor, info.architecture, info.device, info.description].join(" ").toLowerCase();
  if (names.includes("swiftshader")) return "swiftshader";
  if (/llvmpipe|lavapipe|software|basic render/.test(names) || info.isFallbackAdapter) return "software";
  return "gpu";
}

/**
 * What measuring begins with and what is taken without it. SwiftShader spends a load's time on checks, hence large
 * blocks; compilers of other software adapters keep small ones in registers.
 */
export const candidates: Readonly<Record<AdapterKind, readonly VariantName[]>> = {
  swiftshader: ["blocks16x16", "blocks8x8", "blocks4x8"],
  software: ["blocks4x8", "blocks4x4"],
  gpu: ["tiles64x8", "tiles64", "tiles128", "blocks4x8"],
};
const smallOf: Readonly<Record<AdapterKind, VariantName>> = {
  swiftshader: "blocks8x8",
  software: "blocks4x4",
  gpu: "tiles32",
};

const chosen = new WeakMap<Engine, Preferences>();

export const prefer = (engine: Engine, preferences: Preferences): void =>
  void chosen.set(engine, preferences);

export function preferencesOf(engine: Engine): Preferences {
  let preferences = chosen.get(engine);
  if (!preferences) {
    preferences = defaults(engine);
    chosen.set(engine, preferences);
  }
  return preferences;
}

/** With the variant for large results that was measured, if one was. */
export function defaults(engine: Engine, large?: VariantName): Preferences {
  const kind = adapterKind(engine);
  const fitting = candidates[kind].find((name) => fits(engine, variants[name])) ?? "blocks4x4";
  return { large: large ?? fitting, small: smallOf[kind] };
}

/** Whether the device has the workgroup memory and invocations a variant needs. */
export function fits({ limits }: Engine, variant: Variant): boolean {
  const invocations = variant.across * variant.down;
  return (
    tileBytes(variant) <= limits.maxComputeWorkgroupStorageSize &&
    invocations <= limits.maxComputeInvocationsPerWorkgroup
  );
}
