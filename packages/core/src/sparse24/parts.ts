import { OptionError, ShapeError } from "../errors.js";
import { fromBFloat16 } from "../half.js";
import { formatShape } from "../shape.js";

/** What the kept weights of a 2:4-sparse matrix are stored as. */
export type Sparse24DType = "f32" | "bf16";

/** A 2:4-sparse matrix W `[out, in]` on the host: of every four consecutive inputs each row keeps two. */
export interface Sparse24Parts {
  /** `[out, in]`, `in` a multiple of 8. */
  readonly shape: readonly [out: number, inputs: number];
  /** The kept weights `[out, in/2]` in row order: f32, or bits of bf16. */
  readonly values: Float32Array | Uint16Array;
  /**
   * `[out / rowsPerPattern, in/8]`: where in its four a kept weight stands, 2 bits each, the first in the lowest bits; the two
   * of a group ascend.
   */
  readonly positions: Uint8Array;
  /** Consecutive rows that share their positions; divides `out`. Default 1: each has its own. */
  readonly rowsPerPattern?: number | undefined;
  /** What errors call the matrix. Default: `the weight`. */
  readonly name?: string | undefined;
}

export const sparse24DType = ({ values }: Pick<Sparse24Parts, "values">): Sparse24DType =>
  values instanceof Float32Array ? "f32" : "bf16";

/** Half bytes that hold two ascending positions. */
const isValidPair = Array.from({ length: 16 }, (_, pair) => (pair & 3) < pair >> 2);
const isValidByte = Array.from(
  { length: 256 },
  (_, byte) => isValidPair[byte & 15]! && isValidPair[byte >> 4]!,
);

/**
 * Throws unless sizes agree and every group of four has two ascending positions: {@link ShapeError} for sizes,
 * {@link OptionError} naming row and input for positions.
 */
export function checkSparse24({
  shape,
  values,
  positions,
  rowsPerPattern = 1,
  name = "the weight",
}: Sparse24Parts): void {
  const [out, inputs] = shape;
  const what = `2:4-sparse: ${name} ${formatShape(shape)}`;
  if (!isCount(out) || !isCount(inputs) || shape.length !== 2) {
    throw new ShapeError(`${what} is not a matrix [out, in]`);
  }
  if (inputs % 8 !== 0) {
    throw new ShapeError(
      `${what} has ${inputs} inputs, not a multiple of 8 (a byte of positions); keep it dense`,
    );
  }
  if (!isCount(rowsPerPattern) || out % rowsPerPattern !== 0) {
    throw new ShapeError(
      `${what} has ${out} rows, which blocks of ${rowsPerPattern} do not fill; store each by itself`,
    );
  }
  const sizes = [
    ["values", values.length, (out * inputs) / 2],
    ["bytes of positions", positions.length, (out * inputs) / 8 / rowsPerPattern],
  ] as const;
  for (const [part, actual, expected] of sizes) {
    if (actual !== expected) throw new ShapeError(`${what} has ${actual} ${part}, not ${expected}`);
  }
  const bad = positions.findIndex((byte) => !isValidByte[byte]);
  if (bad < 0) return;
  const [row, first] = [Math.floor((8 * bad) / inputs) * rowsPerPattern, (8 * bad) % inputs];
  const group = isValidPair[positions[bad]! & 15] ? first + 4 : first;
  throw new OptionError(
    `${what}: row ${row} has no two ascending positions for inputs ${group}–${group + 3}; the file is damaged, or not 2:4`,
  );
}

const isCount = (size: number): boolean => Number.isSafeInteger(size) && size > 0;

/** Rows `first`…`first + rows − 1` of W, dense. */
export function denseRows(parts: Sparse24Parts, first: number, rows: number): Float32Array {
  const { shape, values, positions, rowsPerPattern = 1 } = parts;
  const inputs = shape[1];
  const valueOf =
    values instanceof Float32Array ? (at: number) => values[at]! : (at: number) => fromBFloat16(values[at]!);
  const dense = new Float32Array(rows * inputs);
  for (let row = 0; row < rows; row++) {
    const at = ((first + row) * inputs) / 2;
    const code = (Math.floor((first + row) / rowsPerPattern) * inputs) / 8;
    for (let kept = 0; kept < inputs / 2; kept++) {
      const position = (positions[code + (kept >> 2)]! >> (2 * (kept & 3))) & 3;
      dense[row * inputs + 4 * (kept >> 1) + position] = valueOf(at + kept);
    }
  }
  return dense;
}

/**
 * The parts of a matrix `[out, in]` (f32, or bits of bf16) that is zero in at least two of every four consecutive inputs
 * of a row; `undefined` where it is not, or where `in` is no multiple of 8.
 */
export function compressSparse24(
  dense: Float32Array | Uint16Array,
  shape: readonly [out: number, inputs: number],
): Sparse24Parts | undefined {
  if (dense.length !== shape[0] * shape[1]) {
    throw new ShapeError(`compressSparse24: ${dense.length} elements do not fill ${formatShape(shape)}`);
  }
  if (shape[1] % 8 !== 0) return undefined;
  const isZero = zeroTest(dense);
  const values =
    dense instanceof Float32Array ? new Float32Array(dense.length / 2) : new Uint16Array(dense.length / 2);
  const positions = new Uint8Array(dense.length / 8);
  for (let group = 0; group < dense.length / 4; group++) {
    const pair = keptPair(dense, 4 * group, isZero);
    if (!pair) return undefined;
    pair.forEach((position, i) => {
      const kept = 2 * group + i;
      values[kept] = dense[4 * group + position]!;
      positions[kept >> 2]! |= position << (2 * (kept & 3));
    });
  }
  return { shape, values, positions };
}

/** Whether an element is 0, of either sign. */
export const zeroTest = (values: Float32Array | Uint16Array): ((element: number) => boolean) =>
  values instanceof Float32Array ? (x) => x === 0 : (x) => (x & 0x7fff) === 0;

/** The positions of the at most two nonzeros of the four elements from `at`, filled up with zeros' to two. */
function keptPair(
  dense: ArrayLike<number>,
  at: number,
  isZero: (x: number) => boolean,
): readonly [number, number] | undefined {
  let [first, second, count] = [-1, -1, 0];
  for (let position = 0; position < 4; position++) {
    if (isZero(dense[at + position]!)) continue;
    if (count === 0) first = position;
    else second = position;
    count++;
  }
  if (count > 2) return undefined;
  if (count === 2) return [first, second];
  return count === 0 || first === 0 ? [0, 1] : [0, first];
}
