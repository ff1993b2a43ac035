import { wasm } from "@denoise-rotator/backend-wasm";
import { median } from "@denoise-rotator/bench";
import {
  attention,
  type Backend,
  compressSparse24,
  encodeBFloat16,
  fromArray,
  ones,
  Random,
  rmsNorm,
  rope,
  Sparse24Weight,
  sparse24Matmul,
  swiglu,
  type Tensor,
  tidy,
} from "@denoise-rotator/core";
import { fastest, processorTime, takeTurns } from "./turns.js";

/** A decoder block of SmolLM2-135M's shape. */
const shape = { hidden: 576, intermediate: 1536, heads: 9, keyValueHeads: 3, headDim: 64 } as const;
const keyValues = shape.keyValueHeads * shape.headDim;
const sites = {
  q: [shape.hidden, shape.hidden],
  k: [keyValues, shape.hidden],
  v: [keyValues, shape.hidden],
  o: [shape.hidden, shape.hidden],
  gate: [shape.intermediate, shape.hidden],
  up: [shape.intermediate, shape.hidden],
  down: [shape.hidden, shape.intermediate],
} as const;
type Site = keyof typeof sites;

/** One block on a prompt; the model has 30 of them. */
export interface BlockRow {
  readonly tokens: number;
  readonly threads: number;
  readonly weights: "dense f32" | "sparse f32" | "sparse bf16";
  readonly medianMs: number;
  /** How many times as fast as with dense weights, by medians and by fastest samples. */
  readonly speedup: number;
  readonly bestSpeedup: number;
  /** Of the seven sites. */
  readonly weightBytes: number;
}

/** A 2:4-sparse W as a tensor, and packed. */
function drawSite(backend: Backend, [out, inputs]: readonly [number, number], random: Random) {
  const W = new Float32Array(out * inputs);
  for (let at = 0; at < W.length; at += 4) {
    const first = random.integer(4);
    for (const position of [first, (first + 1 + random.integer(3)) % 4])
      W[at + position] = random.nextNormal() / 24;
  }
  const pack = (values: Float32Array | Uint16Array) =>
    Sparse24Weight.pack(compressSparse24(values, [out, inputs])!, backend);
  return {
    "dense f32": fromArray(W, [out, inputs], { backend }),
    "sparse f32": pack(W),
    "sparse bf16": pack(encodeBFloat16(W)),
  } as const;
}

type Weight = Tensor | Sparse24Weight;

/** Rows `[tokens, hidden]` through the block as the models package computes it, change of basis at the entry included. */
function forward(
  rows: Tensor,
  site: (name: Site) => Weight,
  rotation: Tensor,
  gain: Tensor,
  tables: readonly [Tensor, Tensor],
) {
  return tidy(() => {
    const tokens = rows.shape[0]!;
    const linear = (x: Tensor, name: Site): Tensor => {
      const weight = site(name);
      return weight instanceof Sparse24Weight ? sparse24Matmul(x, weight) : x.matmul(weight.transpose());
    };
    let residual = rows.matmul(rotation.transpose());
    const normal = rmsNorm(residual, gain, 1e-5);
    const heads = (name: "q" | "k" | "v", count: number) => {
      const y = linear(normal, name).reshape([1, tokens, count, shape.headDim]).transpose(1, 2);
      return name === "v" ? y : rope(y, ...tables);
    };
    const mixed = attention(
      heads("q", shape.heads),
      heads("k", shape.keyValueHeads),
      heads("v", shape.keyValueHeads),
    );
    residual = residual.add(linear(mixed.transpose(1, 2).reshape([tokens, shape.hidden]), "o"));
    const second = rmsNorm(residual, gain, 1e-5);
    return residual.add(linear(swiglu(linear(second, "gate"), linear(second, "up")), "down"));
  });
}

export async function measureBlock(threads: number, tokenCounts: readonly number[]): Promise<BlockRow[]> {
  await using backend = await wasm({ threads, maxMemoryBytes: 512 << 20 });
  const random = new Random(1);
  const weights = Object.fromEntries(
    Object.entries(sites).map(([name, size]) => [name, drawSite(backend, size, random)]),
  ) as Record<Site, ReturnType<typeof drawSite>>;
  const { hidden, headDim } = shape;
  const rotation = random.normal([hidden, hidden], { backend }).mul(1 / Math.sqrt(hidden));
  const gain = ones([hidden], { backend });
  const kinds = ["dense f32", "sparse f32", "sparse bf16"] as const;
  return tokenCounts.flatMap((tokens) => {
    const rows = random.normal([tokens, hidden], { backend });
    const angles = random.normal([tokens, headDim / 2], { backend });
    const tables = [angles.cos(), angles.sin()] as const;
    const runs = kinds.map((kind) => () => {
      forward(rows, (name) => weights[name][kind], rotation, gain, tables).dispose();
    });
    const samples = takeTurns(runs, 1, threads === 1 ? { clock: processorTime } : {});
    return kinds.map((kind, i) => {
      const bytes = Object.values(weights).map((site) =>
        kind === "dense f32" ? 4 * site[kind].size : site[kind].byteLength,
      );
      return {
        ...{ tokens, threads, weights: kind, medianMs: median(samples[i]!) },
        speedup: median(samples[0]!) / median(samples[i]!),
        bestSpeedup: fastest(samples[0]!) / fastest(samples[i]!),
        weightBytes: bytes.reduce((sum, size) => sum + size, 0),
      };
    });
  });
}
