import { compressSparse24, encodeBFloat16, type Operand } from "@denoise-rotator/core";
import { packName } from "../emit/gemm-tasks.js";
import type { Block } from "../engine/arena.js";
import { createEngine, type Engine } from "../engine/engine.js";
import { maximumArenaBytes } from "../engine/layout.js";
import { productNanoseconds } from "../kernels/gemm.js";
import { sparse24Matmul } from "../kernels/sparse24.js";
import { arrangeRows } from "../kernels/sparse24-arrange.js";
import { parallel, splitEvenly, taskCount } from "../threads/parallel.js";

/** One way to compute x·Wᵀ, ready to run on one of several equal weights. */
export interface PackedProduct {
  readonly name:
    | "dense, W left"
    | "dense, W right"
    | "dense, dots"
    | "dense, rows"
    | "sparse f32"
    | "sparse bf16"
    | "shared f32"
    | "shared bf16";
  /** Bytes of one weight. */
  readonly weightBytes: number;
  /** Rows that share their positions: contenders with as many multiply by the same weight. */
  readonly rowsPerPattern: number;
  /** Whether it is meant for so many tokens. */
  suits(tokens: number): boolean;
  run(tokens: number, copy: number): void;
  /** The last result `[tokens, out]`. */
  result(tokens: number): Float32Array;
}

/** The shapes of a product, and how many weights there are. `out`, and tokens but for one, are multiples of 4. */
export interface PackedShape {
  readonly out: number;
  readonly inputs: number;
  /** Most tokens. */
  readonly tokens: number;
  /** Bytes that the weights of each contender take together at least; 0: one weight. */
  readonly streamBytes: number;
}

/**
 * For benchmarks: x·Wᵀ with weights packed beforehand, dense in every way the engine has and 2:4-sparse, in one process and
 * memory, so that they can take turns. Packing x, and a result in rows of tokens, are part of every run.
 */
export async function packedProducts(threads: number) {
  const engine = await createEngine({ limit: maximumArenaBytes(threads), threads });
  return {
    /** Calls `body` with the contenders for a shape, whose memory ends with it. */
    measure<T>(shape: PackedShape, body: (products: readonly PackedProduct[]) => T): T {
      const blocks: Block[] = [];
      const allocate = (byteLength: number) => {
        blocks.push(engine.arena.allocate(byteLength));
        return blocks.at(-1)!;
      };
      try {
        return body(productsOf(engine, shape, allocate));
      } finally {
        for (const block of blocks) engine.arena.free(block);
      }
    },
    dispose: () => engine.pool?.dispose(),
  };
}

/** Rows that share their positions, for the contenders `shared …`. */
const sharedRows = 32;

/** Numbers in [0, 1): quick ones. */
function uniform(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

type Allocate = (byteLength: number) => Block;

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

function productsOf(engine: Engine, shape: PackedShape, allocate: Allocate): PackedProduct[] {
  const { out, inputs, tokens } = shape;
  const { memory } = engine;
  const random = uniform();
  /** Random, 2:4, in `rows` consecutive rows at the same positions. */
  const matrix = (rows: number): Float32Array => {
    const W = new Float32Array(out * inputs);
    const firsts = new Uint8Array(inputs / 4);
    const seconds = new Uint8Array(inputs / 4);
    for (let at = 0; at < W.length; at += 4) {
      const group = (at % inputs) / 4;
      if (Math.floor(at / inputs) % rows === 0) {
        firsts[group] = Math.floor(4 * random());
        seconds[group] = (firsts[group]! + 1 + Math.floor(3 * random())) % 4;
      }
      for (const position of [firsts[group]!, seconds[group]!]) W[at + position] = random() - 0.5;
    }
    return W;
  };
  const dense = matrix(1);
  const shared = [matrix(sharedRows), sharedRows] as const;
  const x = allocate(4 * tokens * inputs);
  for (let i = 0; i < tokens * inputs; i++) memory.f32[x.address / 4 + i] = random() - 0.5;
  const y = allocate(4 * tokens * out);
  const result = (count: number) => memory.f32.slice(y.address / 4, y.address / 4 + count * out);
  /** Weights written by `fill`, one behind the other. */
  const copies = (byteLength: number, fill: (address: number) => void) => {
    const size = roundUp(byteLength, 64);
    const count = Math.max(1, Math.ceil(shape.streamBytes / size));
    const { address } = allocate(size * count);
    fill(address);
    for (let i = 1; i < count; i++) memory.u8.copyWithin(address + i * size, address, address + size);
    return (copy: number) => address + (copy % count) * size;
  };
  const raw = () => copies(4 * dense.length, (address) => memory.f32.set(dense, address / 4));
  const sparse = (
    name: PackedProduct["name"],
    dtype: "f32" | "bf16",
    [W, rowsPerPattern]: readonly [Float32Array, number],
  ): PackedProduct => {
    const parts = compressSparse24(dtype === "f32" ? W : encodeBFloat16(W), [out, inputs])!;
    const { words, arrangement } = arrangeRows(parts);
    const at = copies(words.byteLength, (address) => memory.i32.set(words, address / 4));
    const operand = (address: number, dtype: "f32" | "i32", shape: number[]): Operand => ({
      ...{ dtype, shape, strides: shape.length === 2 ? [shape[1]!, 1] : [1], offset: 0 },
      buffer: { address },
    });
    return {
      name,
      rowsPerPattern,
      weightBytes: words.byteLength,
      result,
      suits: () => true,
      run: (count, copy) => {
        const rows = operand(x.address, "f32", [count, inputs]);
        const to = operand(y.address, "f32", [count, out]);
        const weight = operand(at(copy), "i32", [words.length]);
        sparse24Matmul(engine, rows, weight, to, { shape: [out, inputs], dtype, arrangement });
      },
    };
  };
  const places = { x: x.address, y: y.address, out, inputs, tokens };
  const wrap = (name: PackedProduct["name"], vectors: boolean, run: PackedProduct["run"]): PackedProduct => ({
    ...{ name, weightBytes: 4 * dense.length, rowsPerPattern: 1, result, run },
    suits: (count) => (count === 1) === vectors,
  });
  return [
    wrap("dense, dots", true, dots(engine, places, raw())),
    wrap("dense, rows", true, combination(engine, places, transposed(dense, places), copies)),
    wrap("dense, W left", false, packedLeft(engine, places, dense, allocate, copies)),
    wrap("dense, W right", false, packedRight(engine, places, dense, allocate, copies)),
    sparse("sparse f32", "f32", [dense, 1]),
    sparse("sparse bf16", "bf16", [dense, 1]),
    sparse("shared f32", "f32", shared),
    sparse("shared bf16", "bf16", shared),
  ];
}

interface Places {
  readonly x: number;
  readonly y: number;
  readonly out: number;
  readonly inputs: number;
  readonly tokens: number;
}
type Copies = (byteLength: number, fill: (address: number) => void) => (copy: number) => number;

function dots(engine: Engine, { x, y, out, inputs }: Places, at: (copy: number) => number) {
  const cost = 0.07 * out * inputs;
  return (_: number, copy: number) => {
    const tasks = splitEvenly(out, taskCount(engine, cost)).map(([first, rows]) => {
      return [at(copy) + 4 * first * inputs, 4 * inputs, x, y + 4 * first, 4, rows, inputs, 1, 0];
    });
    parallel(engine, "gemvDot", tasks, cost);
  };
}

function transposed(dense: Float32Array, { out, inputs }: Places): Float32Array {
  const result = new Float32Array(dense.length);
  for (let row = 0; row < out; row++) {
    for (let k = 0; k < inputs; k++) result[k * out + row] = dense[row * inputs + k]!;
  }
  return result;
}

function combination(engine: Engine, { x, y, out, inputs }: Places, columns: Float32Array, copies: Copies) {
  const at = copies(4 * columns.length, (address) => engine.memory.f32.set(columns, address / 4));
  const cost = 0.07 * out * inputs;
  return (_: number, copy: number) => {
    const tasks = splitEvenly(out, taskCount(engine, cost), 32).map(([first, width]) => {
      return [y + 4 * first, x, 4, at(copy) + 4 * first, 4 * out, inputs, width, 1, 0];
    });
    parallel(engine, "combineRows", tasks, cost);
  };
}

/** Stretches of k as the engine packs them: start, length and padded length. */
function stretchesOf({ features: { tile } }: Engine, inputs: number): (readonly [number, number, number])[] {
  const depth = roundUp(Math.ceil(inputs / Math.ceil(inputs / tile.depth)), 8);
  return Array.from({ length: Math.ceil(inputs / depth) }, (_, i) => {
    const steps = Math.min(depth, inputs - i * depth);
    return [i * depth, steps, roundUp(steps, tile.unroll)];
  });
}

/** Packs W for every stretch; `fill` of `copies`. */
function pack(engine: Engine, kernel: string, lines: number, { out, inputs }: Places, dense: Float32Array) {
  return (address: number) => {
    const source = engine.arena.allocate(4 * dense.length);
    engine.memory.f32.set(dense, source.address / 4);
    let to = address;
    for (const [start, steps, padded] of stretchesOf(engine, inputs)) {
      engine.native[kernel]!(source.address + 4 * start, 4 * inputs, to, out, steps, padded, 1);
      to += 4 * lines * padded;
    }
    engine.arena.free(source);
  };
}

/** W in panels of rows, tokens as columns; the result is transposed at the end. */
function packedLeft(engine: Engine, places: Places, dense: Float32Array, allocate: Allocate, copies: Copies) {
  const { x, y, out, inputs } = places;
  const { tile } = engine.features;
  const lines = roundUp(out, tile.rows);
  const at = copies(4 * lines * (inputs + 64), pack(engine, packName("A", false), lines, places, dense));
  const panels = allocate(4 * roundUp(places.tokens, tile.columns) * (tile.depth + 64)).address;
  const sums = allocate(4 * roundUp(places.tokens, 4) * roundUp(out, 4)).address;
  return (tokens: number, copy: number) => {
    const cost = productNanoseconds(out, tokens, inputs);
    const most = tokens > 16 ? Math.floor(192 / tile.rows) * tile.rows : lines;
    const stripe = engine.pool ? Math.min(most, roundUp(out / 8, tile.rows)) : most;
    const stripes = splitEvenly(out, Math.ceil(out / stripe), stripe);
    let weights = at(copy);
    for (const [start, steps, padded] of stretchesOf(engine, inputs)) {
      engine.native[packName("B", true)]!(x + 4 * start, 4 * inputs, panels, tokens, steps, padded, 1);
      const tasks = stripes.map(([row, rows]) => [
        ...[weights + 4 * row * padded, panels, sums + 4 * row * tokens, 4 * tokens, rows, tokens, padded],
        Number(start > 0),
      ]);
      parallel(engine, "gemmBlock", tasks, cost);
      weights += 4 * lines * padded;
    }
    const turns = stripes.map(([row, rows]) => [
      sums + 4 * row * tokens,
      4 * tokens,
      y + 4 * row,
      4 * out,
      rows,
      tokens,
    ]);
    if (out % 4 === 0 && tokens % 4 === 0 && stripe % 4 === 0)
      parallel(engine, "transpose4", turns, tokens * out);
    else engine.native.transpose4!(sums, 4 * tokens, y, 4 * out, out, tokens);
  };
}

/** W in panels of columns, tokens as rows. */
function packedRight(
  engine: Engine,
  places: Places,
  dense: Float32Array,
  allocate: Allocate,
  copies: Copies,
) {
  const { x, y, out, inputs } = places;
  const { tile } = engine.features;
  const lines = roundUp(out, tile.columns);
  const at = copies(4 * lines * (inputs + 64), pack(engine, packName("B", true), lines, places, dense));
  const panels = allocate(4 * roundUp(places.tokens, tile.rows) * (tile.depth + 64)).address;
  return (tokens: number, copy: number) => {
    const cost = productNanoseconds(out, tokens, inputs);
    // Columns of W and rows of x that stay in the second cache together.
    const stripes = splitEvenly(out, Math.ceil(out / 256), tile.columns);
    const heights = splitEvenly(tokens, Math.ceil(tokens / 192), tile.rows);
    let weights = at(copy);
    for (const [start, steps, padded] of stretchesOf(engine, inputs)) {
      engine.native[packName("A", false)]!(x + 4 * start, 4 * inputs, panels, tokens, steps, padded, 1);
      const tasks = stripes.flatMap(([column, columns]) =>
        heights.map(([row, rows]) => [
          ...[
            panels + 4 * row * padded,
            weights + 4 * column * padded,
            y + 4 * (row * out + column),
            4 * out,
          ],
          ...[rows, columns, padded, Number(start > 0)],
        ]),
      );
      parallel(engine, "gemmBlock", tasks, cost);
      weights += 4 * lines * padded;
    }
  };
}
