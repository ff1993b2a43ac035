import { ModuleBuilder } from "../assembler/module-builder.js";
import { defineAttention } from "../emit/attention.js";
import { defineElementwise, defineHalfCasts } from "../emit/elementwise.js";
import { defineFused } from "../emit/fused.js";
import { defineGemv } from "../emit/gemm.js";
import { defineGemm } from "../emit/gemm-tasks.js";
import { defineGroupEntropy } from "../emit/group-entropy.js";
import { defineMirror } from "../emit/mirror.js";
import { definePanelKernels } from "../emit/panels.js";
import { definePrunedEnergy } from "../emit/pruned-energy.js";
import { defineReductions } from "../emit/reduce.js";
import { defineSmallest } from "../emit/smallest.js";
import { sparse24Picks } from "../emit/sparse24-few.js";
import { defineSparse24 } from "../emit/sparse24-product.js";
import { defineStridedCopies } from "../emit/strided.js";
import { Pool } from "../threads/pool.js";
import { Arena, type Block } from "./arena.js";
import { detectFeatures, type Features, type GemmTile } from "./features.js";
import { arenaStart, layout, threadAreaAt } from "./layout.js";
import { Memory } from "./memory.js";
import { compileRevectorised } from "./revectorise.js";

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
  /** With turbo: the same engine with the plain kernels of the matrix product instead. */
  readonly plain: Engine | undefined;
}

export interface EngineOptions {
  /** Most bytes the arena may span. */
  readonly limit: number;
  /** Threads including the caller's; more than 1 takes shared memory. */
  readonly threads: number;
  /** Inner kernel for V8's revectoriser, beside the plain one. */
  readonly turbo?: GemmTile | undefined;
}

/** The kernels of the matrix product, with their constants at `constantsAt`. */
function emitTurbo(tile: GemmTile, shared: boolean, constantsAt: number): ModuleBuilder {
  const m = new ModuleBuilder({ fma: tile.fma, constantsAt, shared });
  defineHalfCasts(m);
  defineGemm(m, tile);
  return m;
}

function emitModule(features: Features, shared: boolean): ModuleBuilder {
  const m = new ModuleBuilder({ fma: features.fma, constantsAt: layout.constants, shared });
  const { tile } = features;
  defineElementwise(m);
  defineGemm(m, tile);
  defineGemv(m);
  defineMirror(m);
  definePanelKernels(m);
  defineStridedCopies(m);
  defineReductions(m);
  defineFused(m);
  defineAttention(m, tile);
  defineSmallest(m);
  definePrunedEnergy(m);
  defineGroupEntropy(m);
  defineSparse24(m, tile);
  return m;
}

interface Compiled {
  readonly features: Features;
  readonly module: WebAssembly.Module;
  /** To be written at `layout.constants`. */
  readonly constants: Uint8Array;
}

/** The plain kernels, emitted and compiled once per process for either kind of memory. */
const compiled = new Map<boolean, Promise<Compiled>>();

function compile(shared: boolean): Promise<Compiled> {
  const emitAndCompile = async (): Promise<Compiled> => {
    const features = detectFeatures();
    const builder = emitModule(features, shared);
    return { features, module: await WebAssembly.compile(builder.encode()), constants: builder.constants() };
  };
  const present = compiled.get(shared) ?? emitAndCompile();
  compiled.set(shared, present);
  return present;
}

/** Instantiates the kernels over a fresh memory. */
export async function createEngine({ limit, threads, turbo }: EngineOptions): Promise<Engine> {
  const shared = threads > 1;
  const { features, module, constants } = await compile(shared);
  const modules = [module];
  const memory = new Memory({ arenaStart: arenaStart(threads), limit, shared });
  memory.u8.set(constants, layout.constants);
  let constantsEnd = layout.constants + constants.byteLength;
  if (turbo) {
    const constantsAt = layout.constants + constants.byteLength;
    const builder = emitTurbo(turbo, shared, constantsAt);
    modules.push(compileRevectorised(builder.encode()));
    memory.u8.set(builder.constants(), constantsAt);
    constantsEnd = constantsAt + builder.constants().byteLength;
  }
  if (constantsEnd > layout.sparse24Picks) throw new RangeError(`constants reach ${constantsEnd}`);
  memory.u8.set(sparse24Picks(), layout.sparse24Picks);
  const env = { memory: memory.wasm, threadArea: threadAreaAt(0) };
  const kernels = modules.flatMap((module) =>
    Object.entries(new WebAssembly.Instance(module, { env }).exports as unknown as Record<string, Native>),
  );
  const arena = new Arena({
    start: arenaStart(threads),
    size: Math.min(memory.arenaSpan, limit),
    limit,
    grow: (span) => memory.grow(span),
  });
  const functions = kernels.map(([, run]) => run);
  const pool = shared ? new Pool({ threads, memory: memory.wasm, modules, kernels: functions }) : undefined;
  // Of kernels with one name the last counts: those of turbo.
  const engineOf = (count: number, tile: GemmTile, plain: Engine | undefined): Engine => ({
    features: { ...features, tile },
    memory,
    arena,
    native: Object.fromEntries(kernels.slice(0, count)),
    kernelIndex: new Map(kernels.slice(0, count).map(([name], index) => [name, index])),
    pool,
    plain,
  });
  const plainCount = WebAssembly.Module.exports(module).length;
  const plain = engineOf(plainCount, features.tile, undefined);
  return turbo ? engineOf(kernels.length, turbo, plain) : plain;
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
