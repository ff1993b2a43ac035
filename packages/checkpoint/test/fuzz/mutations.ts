import fc from "fast-check";

type Edit = (bytes: Uint8Array) => Uint8Array;

/** Numbers that lie at the edges of what formats count with. */
const edges64 = [0n, 1n, 255n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

const place = fc.double({ min: 0, max: 1, noNaN: true });
/** Offsets, those near the start, where headers are, as often as all others. */
const offset = fc.oneof(
  fc.tuple(place, fc.constant(64)),
  fc.tuple(place, fc.constant(Number.POSITIVE_INFINITY)),
);
const at = ([share, within]: [number, number], bytes: Uint8Array) =>
  Math.floor(share * Math.min(within, bytes.length));

const overwrite: fc.Arbitrary<Edit> = fc
  .tuple(offset, fc.uint8Array({ minLength: 1, maxLength: 8 }))
  .map(([where, values]) => (bytes) => {
    const start = at(where, bytes);
    bytes.set(values.subarray(0, bytes.length - start), start);
    return bytes;
  });
const number: fc.Arbitrary<Edit> = fc
  .tuple(offset, fc.constantFrom(...edges64), fc.constantFrom(4, 8))
  .map(([where, value, width]) => (bytes) => {
    const start = at(where, bytes);
    if (start + 8 > bytes.length) return bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    if (width === 8) view.setBigUint64(start, value, true);
    else view.setUint32(start, Number(value & 0xffffffffn), true);
    return bytes;
  });
const truncate: fc.Arbitrary<Edit> = place.map(
  (share) => (bytes) => bytes.slice(0, Math.floor(share * bytes.length)),
);
const splice: fc.Arbitrary<Edit> = fc
  .tuple(offset, offset, fc.nat({ max: 64 }), fc.boolean())
  .map(([to, from, length, insert]) => (bytes) => {
    const start = at(to, bytes);
    const piece = insert ? bytes.slice(at(from, bytes)).subarray(0, length) : new Uint8Array(0);
    const rest = bytes.subarray(insert ? start : Math.min(bytes.length, start + length));
    const out = new Uint8Array(start + piece.length + rest.length);
    out.set(bytes.subarray(0, start));
    out.set(piece, start);
    out.set(rest, start + piece.length);
    return out;
  });

/** One of `files` with up to six changes: bytes, numbers, pieces doubled or cut out, its end cut off. */
export const mutated = (files: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(
      fc.constantFrom(...files),
      fc.array(
        fc.oneof({ weight: 3, arbitrary: overwrite }, { weight: 3, arbitrary: number }, splice, truncate),
        {
          minLength: 1,
          maxLength: 6,
        },
      ),
    )
    .map(([file, edits]) => edits.reduce<Uint8Array>((bytes, edit) => edit(bytes), file.slice()));

const oddValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    "",
    "x",
    -1,
    0,
    1,
    2 ** 31,
    2 ** 53,
    1e308,
    -0.5,
    [],
    {},
    [[]],
    ["x"],
    [0, 1],
  ),
  fc.constant("y".repeat(5000)),
  fc.jsonValue({ maxDepth: 3 }),
  fc
    .nat({ max: 40 })
    .map((depth) => JSON.parse("[".repeat(depth * 50) + "]".repeat(depth * 50) || "0") as unknown),
);

/** Puts `value` where the choices lead, down from the root; `undefined` takes it away. */
function replaceAt(root: unknown, choices: readonly number[], value: unknown): unknown {
  const [choice, ...rest] = choices;
  if (choice === undefined || typeof root !== "object" || root === null) return value;
  const keys = Object.keys(root);
  if (keys.length === 0) return value;
  const key = keys[choice % keys.length]!;
  const inner = (root as Record<string, unknown>)[key];
  const replaced = rest.length === 0 ? value : replaceAt(inner, rest, value);
  if (Array.isArray(root)) return root.map((item, i) => (String(i) === key ? replaced : item));
  const copy: Record<string, unknown> = { ...root };
  if (replaced === undefined) delete copy[key];
  else
    Object.defineProperty(copy, key, {
      value: replaced,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return copy;
}

/** A JSON document with up to three values replaced by odd ones or taken away, anywhere in it. */
export const mutatedJson = (json: object): fc.Arbitrary<Uint8Array> =>
  fc
    .array(
      fc.tuple(
        fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 6 }),
        fc.oneof({ weight: 4, arbitrary: oddValues }, fc.constant(undefined)),
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map((edits) => edits.reduce<unknown>((root, [path, value]) => replaceAt(root, path, value), json))
    .map((value) => new TextEncoder().encode(JSON.stringify(value) ?? ""));
