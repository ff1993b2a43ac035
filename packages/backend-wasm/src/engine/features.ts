import { f32x4, v128 } from "../assembler/expressions.js";
import { ModuleBuilder } from "../assembler/module-builder.js";

/** Shape and style of the inner kernel of the matrix product. */
export interface GemmTile {
  /** Rows of `out` held in registers. */
  readonly rows: number;
  /** Columns held in registers, a multiple of 4. */
  readonly columns: number;
  /** Steps along k in one round of the loop. */
  readonly unroll: number;
  /**
   * Puts a never-taken exit between steps along k. It ends the basic block, which keeps the optimising compiler of
   * older V8 from hoisting all loads above all multiplications and spilling registers.
   */
  readonly separateSteps: boolean;
  /** Longest stretch of k packed at once, a multiple of `unroll`. */
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
function v8Major(): number | undefined {
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
    return { fma, tile: { rows: 6, columns: 8, unroll: 4, separateSteps: false, depth: 384 } };
  }
  return { fma, tile: { rows: 4, columns: 8, unroll: 8, separateSteps: true, depth: 320 } };
}
