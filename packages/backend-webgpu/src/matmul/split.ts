import { foldWorkgroups } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import { mainById, workgroupSize } from "../wgsl/elements.js";
import type { Product } from "./product.js";

/** Sums over parts of k that are computed side by side: `parts` of `length`, and what is left over as one more. */
export interface Split {
  readonly parts: number;
  readonly length: number;
  readonly rest: number;
}

/**
 * Whether a product has too few results to occupy a device, and into how many sums it is cut then. It looks at shapes
 * only, so that every adapter and variant adds up in the same order.
 */
export function splitOf({ m, n, k, batch }: Product): Split | undefined {
  if (batch.length > 0) return undefined;
  const few = m <= 8;
  const have = few ? Math.ceil(n / 4) : Math.ceil(m / 64) * Math.ceil(n / 64);
  const [want, least] = few ? [16384, 128] : [64, 256];
  const parts = Math.min(Math.floor(want / have), Math.floor(k / least), 64);
  if (parts < 2) return undefined;
  const length = Math.floor(k / parts / 32) * 32;
  return { parts, length, rest: k - parts * length };
}

/** The product over one stretch of k, or over `parts` of them as leading axis, into `[part, m, n]` of `scratch`. */
export function partOf(
  product: Product,
  scratch: Product["out"]["buffer"],
  from: number,
  length: number,
  first: number,
  parts: number,
): Product {
  const { m, n, a, b } = product;
  const along = (factor: Product["a"]) => ({
    ...factor,
    offset: factor.offset + from * factor.inner,
    batch: parts > 1 ? [length * factor.inner] : [],
  });
  return {
    ...product,
    ...{ k: length, a: along(a), b: along(b), alpha: 1, accumulate: false },
    batch: parts > 1 ? [parts] : [],
    out: {
      buffer: scratch,
      offset: first * m * n,
      rows: n,
      columns: 1,
      batch: parts > 1 ? [m * n] : [],
    },
  };
}

/** `out = alpha · Σ parts (+ out)`, the parts in order. */
export function addParts(
  engine: Engine,
  product: Product,
  scratch: Product["out"]["buffer"],
  parts: number,
): void {
  const { m, n, out, alpha, accumulate } = product;
  engine.dispatch({
    op: "matmul",
    key: "matmul parts",
    bindings: {
      parts: { buffer: scratch, access: "read", type: "array<f32>" },
      out: { buffer: out.buffer, access: "read_write", type: "array<f32>" },
    },
    params: {
      ...{ n, count: m * n, parts, accumulate: Number(accumulate), alpha: { f32: alpha } },
      ...{ offset: out.offset, rows: out.rows, columns: out.columns },
    },
    workgroups: foldWorkgroups(Math.ceil((m * n) / workgroupSize)),
    work: m * n * parts,
    code: (names) => `${mainById}
  if (id >= params.count) { return; }
  var sum = 0.0;
  for (var part = 0u; part < params.parts; part++) { sum += ${names.parts}[part * params.count + id]; }
  let row = id / params.n;
  let i = params.offset + row * params.rows + (id - row * params.n) * params.columns;
  var v = params.alpha * sum;
  if (params.accumulate != 0u) { v += ${names.out}[i]; }
  ${names.out}[i] = v;
}
`,
  });
}
