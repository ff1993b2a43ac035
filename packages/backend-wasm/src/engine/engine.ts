import { ModuleBuilder } from "../assembler/module-builder.js";
import { defineElementwise } from "../emit/elementwise.js";
import { defineFused } from "../emit/fused.js";
import { defineGemmBlock, defineGemv } from "../emit/gemm.js";
import { definePackAcross, definePackAlong } from "../emit/pack.js";
import { definePanelKernels } from "../emit/panels.js";
import { defineReductions } from "../emit/reduce.js";
import { defineSmallest } from "../emit/smallest.js";
import { defineStridedCopies } from "../emit/strided.js";
import { Arena, type Block } from "./arena.js";
import { detectFeatures, type Features } from "./features.js";
import { layout } from "./layout.js";
import { Memory } from "./memory.js";

/** An exported kernel: addresses, byte steps and counts as integers. */
export type Native = (...args: number[]) => void;

/** What the kernels run on: the instance's functions, its memory and the allocator. */
export interface Engine {
  readonly features: Features;
  readonly memory: Memory;
  readonly arena: Arena;
  readonly native: Readonly<Record<string, Native>>;
}

/** Bytes a wasm32 memory can hold beyond what the kernels keep for themselves. */
export const maximumArenaBytes = 2 ** 32 - layout.arena - layout.margin;

function emitModule(features: Features): ModuleBuilder {
  const m = new ModuleBuilder({ fma: features.fma, constantsAt: layout.constants });
  const { tile } = features;
  defineGemmBlock(m, tile);
  definePackAcross(m, "packRowsOfA", tile.rows);
  definePackAlong(m, "packColumnsOfA", tile.rows);
  definePackAlong(m, "packRowsOfB", tile.columns);
  definePackAcross(m, "packColumnsOfB", tile.columns);
  defineGemv(m);
  definePanelKernels(m);
  defineElementwise(m);
  defineStridedCopies(m);
  defineReductions(m);
  defineFused(m);
  defineSmallest(m);
  return m;
}

/** Emits, compiles and instantiates the kernels over a fresh memory. */
export async function createEngine(limit: number): Promise<Engine> {
  const features = detectFeatures();
  const builder = emitModule(features);
  const memory = new Memory(limit);
  const { instance } = await WebAssembly.instantiate(builder.encode(), { env: { memory: memory.wasm } });
  memory.u8.set(builder.constants(), layout.constants);
  const arena = new Arena({
    start: layout.arena,
    size: Math.min(memory.arenaSpan, limit),
    limit,
    grow: (span) => memory.grow(span),
  });
  return { features, memory, arena, native: instance.exports as unknown as Record<string, Native> };
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
