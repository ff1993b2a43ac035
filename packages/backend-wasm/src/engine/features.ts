import { f32x4, v128 } from "../assembler/expressions.js";
import { ModuleBuilder } from "../assembler/module-builder.js";
import { nodeBuiltin } from "../threads/support.js";

/** Shape and style of the inner kernel of the matrix product. */
export interface GemmTile {
  /** Rows of `out` held in registers. */
  readonly rows: number;
  /** Columns held in registers, a multiple of 4. */
  readonly columns: number;
  /** Whether a multiply-add is rounded once. */
  readonly fma: boolean;
  /** Steps along k in one round of the loop; divides 8. */
  readonly unroll: number;
  /**
   * Puts a never-taken exit between steps along k. It ends the basic block, which keeps the optimising compiler of
   * older V8 from hoisting all loads above all multiplications and spilling registers.
   */
  readonly separateSteps: boolean;
  /** Longest stretch of k packed at once, a multiple of 8. */
  readonly depth: number;
}

export interface Features {
  /** Relaxed SIMD: multiply-add in one rounding. */
  readonly fma: boolean;
  readonly tile: GemmTile;
}

const compiles = (build: (m: ModuleBuilder) => void, fma: boolean): boolean => {
  const module = new ModuleBuilder({ fma, constantsAt: 0 });
  build(module);
  return WebAssembly.validate(module.encode());
};

const supports = (fma: boolean): boolean =>
  compiles(
    (m) =>
      m.define("probe", {}, (f) => {
        const product = fma ? f32x4.relaxedMadd(v128.zero, v128.zero, v128.zero) : v128.zero;
        f.store(0, product);
      }),
    fma,
  );

/** Major version of V8 under Node, where it is known. */
export function v8Major(): number | undefined {
  const versions = (globalThis as { process?: { versions?: { v8?: string } } }).process?.versions;
  return versions?.v8 === undefined ? undefined : Number.parseInt(versions.v8, 10);
}

/** Whether the engine runs WebAssembly SIMD at all. */
export const supportsSimd = (): boolean => supports(false);

/** The variant that runs fastest on this engine. */
export function detectFeatures(): Features {
  const fma = supports(true);
  const v8 = v8Major();
  // V8 13 (Node 24, current browsers) schedules the wide tile without spilling.
  if (fma && (v8 === undefined || v8 >= 13)) {
    return { fma, tile: { rows: 6, columns: 8, fma, unroll: 4, separateSteps: false, depth: 384 } };
  }
  return { fma, tile: { rows: 4, columns: 8, fma: false, unroll: 8, separateSteps: true, depth: 320 } };
}

/** A tile for V8's revectoriser, or why there is none. */
export type TurboChoice = { readonly tile: GemmTile } | { readonly missing: string };

/**
 * Shape of the inner kernel that V8's revectoriser turns into 256-bit operations best; it pairs 128-bit ones of
 * neighbouring columns. It exists in V8 12 (Node 22) and newer on x64; V8 12 neither pairs fused multiply-adds nor
 * anything over shared memory.
 */
export function chooseTurbo(threads: number): TurboChoice {
  const { process } = globalThis as { process?: { arch?: string } };
  const v8 = v8Major();
  if (v8 === undefined || v8 < 12 || process?.arch !== "x64" || !nodeBuiltin("node:v8")) {
    return { missing: "this engine has no revectoriser (Node 22 or newer on x64 has)" };
  }
  if (v8 > 12) {
    return { tile: { rows: 6, columns: 16, fma: true, unroll: 4, separateSteps: false, depth: 384 } };
  }
  if (threads > 1)
    return { missing: "Node 22 revectorises on one thread only; give threads: 1, or use Node 24" };
  return { tile: { rows: 3, columns: 16, fma: false, unroll: 1, separateSteps: false, depth: 320 } };
}
