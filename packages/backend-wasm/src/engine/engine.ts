import { ModuleBuilder } from "../assembler/module-builder.js";
import { defineAttention } from "../emit/attention.js";
import { defineElementwise } from "../emit/elementwise.js";
import { defineFused } from "../emit/fused.js";
import { defineGemv } from "../emit/gemm.js";
import { defineGemm } from "../emit/gemm-tasks.js";
import { defineGroupEntropy } from "../emit/group-entropy.js";
import { definePanelKernels } from "../emit/panels.js";
import { definePrunedEnergy } from "../emit/pruned-energy.js";
import { defineReductions } from "../emit/reduce.js";
import { defineSmallest } from "../emit/smallest.js";
import { defineStridedCopies } from "../emit/strided.js";
import { Pool } from "../threads/pool.js";
import { Arena, type Block } from "./arena.js";
import { detectFeatures, type Features } from "./features.js";
import { arenaStart, layout, threadAreaAt } from "./layout.js";
import { Memory } from "./memory.js";

/** An exported kernel: addresses, byte steps and counts as integers. */
export type Native = (...args: number[]) => void;

/** What the kernels run on: the instance's functions, its memory and the allocator. */
export interface Engine {
  readonly features: Features;
  readonly memory: Memory;
  readonly arena: Arena;
  /** This thread's instance of every exported kernel. To share work between threads, see `threads/parallel.ts`. */
  readonly native: Readonly<Record<string, Native>>;
  /** Position of a kernel among the exports. */
  readonly kernelIndex: ReadonlyMap<string, number>;
  /** Further threads; `undefined` where there is one. */
  readonly pool: Pool | undefined;
}

export interface EngineOptions {
  /** Most bytes the arena may span. */
  readonly limit: number;
  /** Threads including the caller's; more than 1 takes shared memory. */
  readonly threads: number;
}

function emitModule(features: Features, shared: boolean): ModuleBuilder {
  const m = new ModuleBuilder({ fma: features.fma, constantsAt: layout.constants, shared });
  const { tile } = features;
  defineGemm(m, tile);
  defineGemv(m);
  definePanelKernels(m);
  defineElementwise(m);
  defineStridedCopies(m);
  defineReductions(m);
  defineFused(m);
  defineAttention(m, tile);
  defineSmallest(m);
  definePrunedEnergy(m);
  defineGroupEntropy(m);
  return m;
}

/** Emits, compiles and instantiates the kernels over a fresh memory. */
export async function createEngine({ limit, threads }: EngineOptions): Promise<Engine> {
  const features = detectFeatures();
  const shared = threads > 1;
  const builder = emitModule(features, shared);
  const module = await WebAssembly.compile(builder.encode());
  const memory = new Memory({ arenaStart: arenaStart(threads), limit, shared });
  const environment = { memory: memory.wasm, threadArea: threadAreaAt(0) };
  const { exports } = await WebAssembly.instantiate(module, { env: environment });
  const native = exports as unknown as Record<string, Native>;
  memory.u8.set(builder.constants(), layout.constants);
  const arena = new Arena({
    start: arenaStart(threads),
    size: Math.min(memory.arenaSpan, limit),
    limit,
    grow: (span) => memory.grow(span),
  });
  const kernels = Object.values(native);
  return {
    features,
    memory,
    arena,
    native,
    kernelIndex: new Map(Object.keys(native).map((name, index) => [name, index])),
    pool: shared ? new Pool({ threads, memory: memory.wasm, module, kernels }) : undefined,
  };
}

/** Runs `body` with a temporary block that is freed afterwards. */
export function withTemporary<T>(engine: Engine, byteLength: number, body: (block: Block) => T): T {
  const block = engine.arena.allocate(byteLength);
  try {
    return body(block);
  } finally {
    engine.arena.free(block);
  }
}
