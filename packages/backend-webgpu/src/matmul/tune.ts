import { OptionError } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { AdapterLimitError } from "../errors.js";
import { multiply } from "./matmul.js";
import { adapterInfoOf, adapterKind, candidates, defaults, fits, prefer } from "./preferences.js";
import type { Product } from "./product.js";
import { type VariantName, variants } from "./variants.js";

/** Where measured choices outlive the process: `localStorage` wrapped, a file, a `Map`. */
export interface TuneCache {
  get(key: string): string | null | undefined | Promise<string | null | undefined>;
  set(key: string, value: string): unknown;
}

/** How matrix products are spread over the device. No choice changes the bytes of a result. */
export interface MatmulTuning {
  /** The variant for products of more than 8 rows and columns. Default: by the adapter's kind, size, and what was measured. */
  readonly variant?: VariantName;
  /** Measures the candidates when the backend is opened, which takes a second or less. Default false. */
  readonly tune?: boolean;
  /** Keeps what was measured; within the process it is kept anyway. */
  readonly cache?: TuneCache;
}

/** Size of the products measured, and when to stop. */
const size = 512;
const budgetMilliseconds = 1000;
const repetitions = 3;

const measured = new Map<string, VariantName>();

/** Adapter and candidates: another list is another measurement. */
const cacheKey = (engine: Engine, names: readonly VariantName[]): string => {
  const { vendor, architecture, device, description } = adapterInfoOf(engine);
  return `denoise-rotator matmul ${[vendor, architecture, device, description, ...names].join("/")}`;
};

const isVariant = (name: string | null | undefined): name is VariantName =>
  typeof name === "string" && Object.hasOwn(variants, name);

/** Chooses variants; returns the one for large products. Throws {@link OptionError} or {@link AdapterLimitError}. */
export async function prepareMatmul(engine: Engine, options: MatmulTuning = {}): Promise<VariantName> {
  const { variant, tune = false, cache } = options;
  if (variant !== undefined) {
    if (!isVariant(variant)) {
      throw new OptionError(`matmul.variant is ${variant}; there are ${Object.keys(variants).join(", ")}`);
    }
    if (!fits(engine, variants[variant])) {
      throw new AdapterLimitError(
        `matmul.variant ${variant} takes more workgroup memory or invocations than the adapter has; choose another`,
      );
    }
  }
  const preferences = variant
    ? { large: variant, small: variant }
    : defaults(engine, tune ? await tuned(engine, cache) : undefined);
  prefer(engine, preferences);
  return preferences.large;
}

async function tuned(engine: Engine, cache: TuneCache | undefined): Promise<VariantName> {
  const names = candidates[adapterKind(engine)].filter((name) => fits(engine, variants[name]));
  const key = cacheKey(engine, names);
  const known = measured.get(key) ?? (await cache?.get(key));
  if (isVariant(known)) return known;
  const best = await fastest(engine, names);
  measured.set(key, best);
  await cache?.set(key, best);
  return best;
}

async function fastest(engine: Engine, names: readonly VariantName[]): Promise<VariantName> {
  const buffers = Array.from({ length: 3 }, () => engine.allocate(4 * size * size));
  const factor = { dtype: "f32", offset: 0, batch: [] } as const;
  const product: Product = {
    ...{ m: size, n: size, k: size, batch: [], alpha: 1, accumulate: false },
    a: { ...factor, buffer: buffers[0]!, free: size, inner: 1 },
    b: { ...factor, buffer: buffers[1]!, free: 1, inner: size },
    out: { buffer: buffers[2]!, offset: 0, rows: size, columns: 1, batch: [] },
  };
  const run = async (name: VariantName) => {
    const start = performance.now();
    multiply(engine, product, variants[name]);
    engine.flush();
    await engine.device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
  try {
    const began = performance.now();
    let best = names[0]!;
    let shortest = Number.POSITIVE_INFINITY;
    for (const name of names) {
      await run(name);
      for (let i = 0; i < repetitions; i++) {
        const time = await run(name);
        if (time < shortest) [best, shortest] = [name, time];
      }
      if (performance.now() - began > budgetMilliseconds) break;
    }
    return best;
  } finally {
    for (const buffer of buffers) engine.free(buffer);
  }
}
