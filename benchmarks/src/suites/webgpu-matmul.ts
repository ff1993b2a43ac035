import { matmulVariants, type WebgpuBackend, webgpu } from "@denoise-rotator/backend-webgpu";
import { textTable } from "@denoise-rotator/bench";
import { fromTyped, type Tensor } from "@denoise-rotator/core";
import { engineVersions, type Machine, machine, versionOf } from "../machine.js";
import { describeMachine } from "../report/suite-report.js";

/** A product `[m, k]` by `[k, n]`, the second factor `[n, k]` in memory where it is a linear layer's weight. */
interface ProductShape {
  readonly name: string;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly weight?: boolean;
}

const square = (n: number): ProductShape => ({ name: `square-${n}`, m: n, k: n, n });
const layer = (m: number, k: number, n: number): ProductShape => ({
  name: `layer-${m}x${k}x${n}`,
  ...{ m, k, n, weight: true },
});

const quickShapes = [square(128), layer(1, 512, 512)];
const allShapes = [
  square(256),
  square(1024),
  layer(1, 2048, 2048),
  layer(128, 576, 1536),
  layer(128, 1536, 576),
  { name: "gram-2048x256", m: 256, k: 2048, n: 256 },
];

export interface VariantRow {
  readonly shape: string;
  readonly variant: string;
  readonly medianMs: number;
  readonly bestMs: number;
  readonly gflops: number;
  /** How many times as quick as the triple loop in JavaScript, by medians. */
  readonly naiveRatio: number;
}

export interface WebgpuMatmulResult {
  readonly suite: "webgpu-matmul";
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  /** The adapter and what the backend chose by itself, the variant `default`. */
  readonly adapter: Readonly<Record<string, string | number | boolean>>;
  readonly rows: readonly VariantRow[];
}

export interface WebgpuMatmulOptions {
  readonly quick: boolean;
  readonly only?: RegExp;
  /** Samples of each contender. Default 5. */
  readonly rounds?: number;
  progress(line: string): void;
}

/** Variants of the WebGPU backend's matrix product and the triple loop, sample by sample in turn. */
export async function runWebgpuMatmul(options: WebgpuMatmulOptions): Promise<WebgpuMatmulResult> {
  const { quick, only, rounds = quick ? 3 : 5, progress } = options;
  const backends = new Map<string, WebgpuBackend>([["default", await webgpu()]]);
  const first = backends.get("default")!;
  // Compiling the largest blocks takes some software adapters ten seconds.
  const names = quick ? [] : Object.keys(matmulVariants).filter((name) => name !== "blocks16x16");
  try {
    for (const variant of names as (keyof typeof matmulVariants)[]) {
      backends.set(variant, await webgpu({ matmul: { variant } }));
    }
    const rows: VariantRow[] = [];
    for (const shape of quick ? quickShapes : allShapes) {
      if (only && !only.test(shape.name)) continue;
      progress(shape.name);
      rows.push(...(await measure(shape, backends, rounds)));
    }
    return {
      suite: "webgpu-matmul",
      machine: machine(),
      versions: { webgpu: versionOf("webgpu"), ...engineVersions() },
      adapter: first.capabilities.description,
      rows,
    };
  } finally {
    for (const backend of backends.values()) await backend.dispose();
  }
}

async function measure(
  { name, m, k, n, weight = false }: ProductShape,
  backends: ReadonlyMap<string, WebgpuBackend>,
  rounds: number,
): Promise<VariantRow[]> {
  const a = Float32Array.from({ length: m * k }, (_, i) => Math.sin(i));
  const b = Float32Array.from({ length: k * n }, (_, i) => Math.cos(i));
  const tensors: Tensor[] = [];
  const runs = new Map<string, () => unknown>([["naive-js", () => tripleLoop(a, b, [m, k, n], weight)]]);
  for (const [variant, backend] of backends) {
    const x = fromTyped(a, [m, k], "f32", backend);
    const stored = fromTyped(b, weight ? [n, k] : [k, n], "f32", backend);
    tensors.push(x, stored);
    const y = weight ? stored.transpose() : stored;
    runs.set(variant, async () => {
      using product = x.matmul(y);
      using corner = product.slice([0, 1], [0, 1]);
      await corner.read();
    });
  }
  const times = new Map([...runs.keys()].map((key) => [key, [] as number[]]));
  for (const run of runs.values()) await run();
  const order = [...runs];
  for (let round = 0; round < rounds; round++) {
    for (const [key, run] of round % 2 === 0 ? order : order.toReversed()) {
      const start = performance.now();
      await run();
      times.get(key)!.push(performance.now() - start);
    }
  }
  for (const tensor of tensors) tensor.dispose();
  const median = (list: readonly number[]) => list.toSorted((p, q) => p - q)[list.length >> 1]!;
  const naive = median(times.get("naive-js")!);
  return [...times].map(([variant, list]) => ({
    shape: name,
    variant,
    medianMs: median(list),
    bestMs: Math.min(...list),
    gflops: (2 * m * k * n) / median(list) / 1e6,
    naiveRatio: naive / median(list),
  }));
}

/** The textbook's loop over rows, columns and terms. */
function tripleLoop(
  a: Float32Array,
  b: Float32Array,
  [m, k, n]: readonly [number, number, number],
  weight: boolean,
): Float32Array {
  const out = new Float32Array(m * n);
  const [row, column] = weight ? [1, k] : [n, 1];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a[i * k + p]! * b[p * row + j * column]!;
      out[i * n + j] = sum;
    }
  }
  return out;
}

export function webgpuMatmulReport({ machine, versions, adapter, rows }: WebgpuMatmulResult): string {
  const described = Object.entries(adapter).map(([name, value]) => `${name} ${value}`);
  const body = rows.map((row) => [
    row.shape,
    row.variant,
    row.medianMs.toFixed(2),
    row.bestMs.toFixed(2),
    row.gflops.toFixed(2),
    row.naiveRatio.toFixed(1),
  ]);
  return [
    describeMachine(machine, versions),
    described.join(", "),
    "",
    textTable([["product", "variant", "median ms", "best ms", "GFLOP/s", "times the loop"], ...body]),
  ].join("\n");
}
