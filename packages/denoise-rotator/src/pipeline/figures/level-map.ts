/** Values of a matrix by level, a hexadecimal digit each; rows of the matrix are strings. */
export interface LevelMap {
  /** Rows of digits 0…f: 0 is `low` and less, f is `high` and more, the others logarithmically between. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Bounds of the levels, as log10 of the value over the mean of the layer without rotation. */
  readonly low: number;
  readonly high: number;
}

export interface Grid {
  readonly rows: number;
  readonly columns: number;
  /** Row-major. */
  readonly values: Float64Array;
}

const levels = 16;

/** The matrix as means over equal parts of its rows and columns, at most `most` of each. */
export function partMeans(
  values: ArrayLike<number>,
  [height, width]: readonly [number, number],
  most: number,
): Grid {
  const [rows, columns] = [Math.min(height, most), Math.min(width, most)];
  const sums = new Float64Array(rows * columns);
  const counts = new Float64Array(rows * columns);
  for (let i = 0; i < height; i++) {
    const row = Math.floor((i * rows) / height) * columns;
    for (let j = 0; j < width; j++) {
      const at = row + Math.floor((j * columns) / width);
      sums[at]! += values[i * width + j]!;
      counts[at]! += 1;
    }
  }
  return { rows, columns, values: sums.map((sum, i) => sum / counts[i]!) };
}

/** The first rows and columns of the matrix. */
export function corner(
  values: ArrayLike<number>,
  [height, width]: readonly [number, number],
  [mostRows, mostColumns]: readonly [number, number],
): Grid {
  const [rows, columns] = [Math.min(height, mostRows), Math.min(width, mostColumns)];
  const at = (i: number) => values[Math.floor(i / columns) * width + (i % columns)]!;
  return { rows, columns, values: Float64Array.from({ length: rows * columns }, (_, i) => at(i)) };
}

/** Two grids of one shape by common levels; `mean` is what values are relative to. */
export function levelMap(before: Grid, after: Grid, mean: number): LevelMap {
  const logs = [before, after].map(({ values }) => values.map((value) => Math.log10(value / mean)));
  const sorted = Float64Array.from(logs.flatMap((part) => Array.from(part)).filter(Number.isFinite)).sort();
  const quantile = (share: number) =>
    Number((sorted[Math.round(share * (sorted.length - 1))] ?? 0).toFixed(2));
  const [low, high] = [quantile(0.02), quantile(0.998)];
  const level = (log: number) => {
    const share = high > low ? (log - low) / (high - low) : 0;
    return Math.min(levels - 1, Math.max(0, Math.floor(share * levels) || 0)).toString(levels);
  };
  const digits = (values: Float64Array) =>
    Array.from({ length: before.rows }, (_, row) =>
      Array.from(values.subarray(row * before.columns, (row + 1) * before.columns), level).join(""),
    );
  return { before: digits(logs[0]!), after: digits(logs[1]!), low, high };
}
