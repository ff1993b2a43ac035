import type { DeviceBuffer, MatmulOptions, Operand } from "@denoise-rotator/core";
import { maxWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { fill } from "../kernels/copy.js";
import { blocksSource } from "./blocks.js";
import { preferencesOf } from "./preferences.js";
import {
  batchSize,
  type Factor,
  isVectorTarget,
  type Packing,
  type Product,
  packingOf,
  productOf,
  transposed,
} from "./product.js";
import { repack } from "./repack.js";
import { scalarsSource, scalarTile, scalarType } from "./scalars.js";
import { type Access, accessKey, leadingOf, productParams, targetBinding, vectorBinding } from "./source.js";
import { addParts, partOf, splitOf } from "./split.js";
import { tilesSource } from "./tiles.js";
import { narrow, tileColumns, tileRows, type Variant, variantKey, variants } from "./variants.js";

/** Multiplications from which on a factor without vectors is copied first. */
const repackWork = 2 ** 18;
/** Tiles from which on a device has enough to do. */
const manyTiles = 16;

export function matmul(engine: Engine, a: Operand, b: Operand, out: Operand, options: MatmulOptions): void {
  const product = productOf(a, b, out, options);
  const { m, n, k } = product;
  if (m * n * batchSize(product) === 0) return;
  if (k === 0) {
    if (!options.accumulate) fill(engine, out, 0);
    return;
  }
  // Few columns are better taken as few rows.
  const wide = n <= 8 && n < m ? transposed(product) : product;
  const split = splitOf(wide);
  if (!split) {
    multiply(engine, wide);
    return;
  }
  const { parts, length, rest } = split;
  const count = parts + Number(rest > 0);
  const scratch = engine.allocate(4 * m * n * count);
  multiply(engine, partOf(wide, scratch, 0, length, 0, parts));
  if (rest > 0) multiply(engine, partOf(wide, scratch, parts * length, rest, parts, 1));
  addParts(engine, wide, scratch, count);
  engine.free(scratch);
}

/** One product as it stands, on a variant. Exported for measuring variants. */
export function multiply(engine: Engine, product: Product, fixed?: Variant): void {
  const { m, n, k, batch, out } = product;
  const total = m * n * k * batchSize(product);
  const packings = [packingOf(product.a), packingOf(product.b)];
  const vectorOut = isVectorTarget(product);
  // A buffer has one type in a kernel, so a factor in the buffer of a result without vectors has none either.
  const usable = [product.a, product.b].map(
    ({ buffer }, i) => packings[i] && (vectorOut || buffer !== out.buffer),
  );
  if (!(usable[0] && usable[1]) && total < repackWork) {
    multiplyScalars(engine, product);
    return;
  }
  const copies: DeviceBuffer[] = [];
  const packed = (factor: Factor, i: number, rows: number): Factor => {
    if (usable[i]) return factor;
    const copied = repack(engine, factor, batch, rows, k);
    copies.push(copied.buffer);
    return copied.factor;
  };
  const ready = { ...product, a: packed(product.a, 0, m), b: packed(product.b, 1, n) };
  multiplyVectors(engine, ready, fixed ?? variantFor(engine, ready));
  for (const buffer of copies) engine.free(buffer);
}

function variantFor(engine: Engine, product: Product): Variant {
  const { m, n } = product;
  if (m === 1 && packingOf(product.a) === "inner") return narrow[1];
  if (m <= 8) return narrow[m <= 4 ? 4 : 8];
  const { large, small } = preferencesOf(engine);
  const [tr, tc] = [tileRows(variants[large]), tileColumns(variants[large])];
  const tiles = Math.ceil(m / tr) * Math.ceil(n / tc) * batchSize(product);
  return variants[tiles >= manyTiles ? large : small];
}

function multiplyVectors(engine: Engine, product: Product, variant: Variant): void {
  const { a, b, k } = product;
  const access: Access = {
    ...{ a: packingOf(a) as Packing, b: packingOf(b) as Packing, aType: a.dtype, bType: b.dtype },
    ...{ vectorOut: isVectorTarget(product), tail: k % 4 !== 0 },
    ...{ leading: leadingOf(product), f16: engine.f16 && (a.dtype === "f16" || b.dtype === "f16") },
  };
  const source = variant.kind === "blocks" ? blocksSource : tilesSource;
  forEachStack(product, (first, count) => {
    engine.dispatch({
      op: "matmul",
      key: `matmul ${variantKey(variant)} ${accessKey(access)}`,
      bindings: { a: vectorBinding(a), b: vectorBinding(b), out: targetBinding(product) },
      params: { ...productParams(product, { a: 4, b: 4, out: access.vectorOut ? 4 : 1 }), first },
      workgroups: grid(product, tileRows(variant), tileColumns(variant), count),
      work: product.m * product.n * k * count,
      ...(access.f16 ? { enable: "f16" } : {}),
      code: (names) => source(variant, access, names),
    });
  });
}

function multiplyScalars(engine: Engine, product: Product): void {
  const { a, b, out } = product;
  const leading = leadingOf(product);
  forEachStack(product, (first, count) => {
    engine.dispatch({
      op: "matmul",
      key: `matmul scalars ${a.dtype} ${b.dtype} ${leading}`,
      bindings: {
        a: { buffer: a.buffer, access: "read", type: scalarType(a.dtype) },
        b: { buffer: b.buffer, access: "read", type: scalarType(b.dtype) },
        out: { buffer: out.buffer, access: "read_write", type: "array<f32>" },
      },
      params: { ...productParams(product, { a: 1, b: 1, out: 1 }), first },
      workgroups: grid(product, scalarTile, scalarTile, count),
      work: product.m * product.n * product.k * count,
      code: (names) => scalarsSource(a.dtype, b.dtype, leading, names),
    });
  });
}

const grid = ({ m, n }: Product, rows: number, columns: number, count: number) =>
  [Math.ceil(n / columns), Math.ceil(m / rows), count] as const;

/** Stacks of at most as many matrices as there may be workgroups along an axis. */
function forEachStack(product: Product, body: (first: number, count: number) => void): void {
  const total = batchSize(product);
  for (let first = 0; first < total; first += maxWorkgroups)
    body(first, Math.min(maxWorkgroups, total - first));
}
