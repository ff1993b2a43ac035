import { type Sparse24Parts, zeroTest } from "./parts.js";

/** Of every set of positions in a four (bits) with at most two members: two ascending ones with them, 2 bits each. */
const pairOf = Array.from({ length: 16 }, (_, set) => {
  const members = [0, 1, 2, 3].filter((position) => (set >> position) & 1);
  if (members.length > 2) return undefined;
  const spare = [0, 1].filter((position) => !members.includes(position));
  const [first, second] = [...members, ...spare].slice(0, 2).sort() as [number, number];
  return first | (second << 2);
});

/**
 * The matrix with one row of positions for every `rowsPerPattern` rows: those of its nonzeros. `undefined` where the nonzeros
 * of a block stand at more than two inputs of a four, or blocks do not fill `out`. Each row has its positions in `parts`.
 */
export function shareSparse24(parts: Sparse24Parts, rowsPerPattern: number): Sparse24Parts | undefined {
  const [out, inputs] = parts.shape;
  if (out % rowsPerPattern !== 0) return undefined;
  const positions = new Uint8Array((out * inputs) / 8 / rowsPerPattern);
  for (let block = 0; block < out / rowsPerPattern; block++) {
    for (let byte = 0; byte < inputs / 8; byte++) {
      const code = sharedByte(parts, block * rowsPerPattern, rowsPerPattern, byte);
      if (code === undefined) return undefined;
      positions[(block * inputs) / 8 + byte] = code;
    }
  }
  const values = movedValues(parts, positions, rowsPerPattern);
  return { ...parts, values, positions, rowsPerPattern };
}

/** The byte of positions that `rows` rows from `first` can share. */
function sharedByte({ shape, values, positions }: Sparse24Parts, first: number, rows: number, byte: number) {
  const rowBytes = shape[1] / 8;
  const own = positions[first * rowBytes + byte]!;
  let equal = 1;
  while (equal < rows && positions[(first + equal) * rowBytes + byte] === own) equal++;
  if (equal === rows) return own;
  const isZero = zeroTest(values);
  const sets = [0, 0];
  for (let row = first; row < first + rows; row++) {
    const code = positions[row * rowBytes + byte]!;
    for (let kept = 0; kept < 4; kept++) {
      if (!isZero(values[4 * (row * rowBytes + byte) + kept]!))
        sets[kept >> 1]! |= 1 << ((code >> (2 * kept)) & 3);
    }
  }
  const [low, high] = sets.map((set) => pairOf[set]);
  return low === undefined || high === undefined ? undefined : low | (high << 4);
}

/** The values in the order of the shared positions. */
function movedValues(
  { shape, values, positions }: Sparse24Parts,
  shared: Uint8Array,
  rowsPerPattern: number,
) {
  const rowBytes = shape[1] / 8;
  const isZero = zeroTest(values);
  const moved = values.slice();
  for (let at = 0; at < positions.length; at++) {
    const to = shared[Math.floor(at / rowBytes / rowsPerPattern) * rowBytes + (at % rowBytes)]!;
    const from = positions[at]!;
    if (from === to) continue;
    moved.fill(0, 4 * at, 4 * at + 4);
    for (let kept = 0; kept < 4; kept++) {
      const value = values[4 * at + kept]!;
      if (isZero(value)) continue;
      const position = (from >> (2 * kept)) & 3;
      const group = kept & 2;
      const place = ((to >> (2 * group)) & 3) === position ? group : group + 1;
      moved[4 * at + place] = value;
    }
  }
  return moved;
}
