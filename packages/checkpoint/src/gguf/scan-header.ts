import type { ByteSource } from "@denoise-rotator/hub";
import { limits } from "../limits.js";
import { shorten } from "../names.js";
import { HeaderCursor } from "./header-cursor.js";

/** What is known of a GGUF file's header once every length and count in it has been checked. */
export interface ScannedHeader {
  readonly fileSize: number;
  /** The file's bytes before the padding that precedes its tensors' data. */
  readonly bytes: Uint8Array;
  /** The last string of every array of strings, by key. */
  readonly lastStrings: ReadonlyMap<string, string>;
}

const magic = 0x46554747; // "GGUF"

/** Bytes of the metadata's types of fixed size, by the format's numbers. */
const fixedSizes: ReadonlyMap<number, number> = new Map([
  ...[0, 1, 7].map((type) => [type, 1] as const), // u8, i8, bool
  ...[2, 3].map((type) => [type, 2] as const), // u16, i16
  ...[4, 5, 6].map((type) => [type, 4] as const), // u32, i32, f32
  ...[10, 11, 12].map((type) => [type, 8] as const), // u64, i64, f64
]);
const stringType = 8;
const arrayType = 9;

/**
 * Walks through a header before any parser is trusted with it: counts, lengths, types and the end of the file. Nothing is
 * allocated but the header itself.
 *
 * @throws {CheckpointError} `MALFORMED` or `LIMIT`, naming file, key or tensor, and byte.
 */
export async function scanHeader(source: ByteSource): Promise<ScannedHeader> {
  const fileSize = await source.size();
  const cursor = new HeaderCursor(source, fileSize);
  if ((await cursor.u32("the format's mark")) !== magic) throw cursor.malformed("is not a GGUF file");
  await checkVersion(cursor);
  const tensors = await cursor.count("the number of tensors", limits.tensors);
  const keys = await cursor.count("the number of keys", limits.ggufKeys);
  const seen = new Set<string>();
  const lastStrings = new Map<string, string>();
  for (let i = 0; i < keys; i++) {
    const key = await readText(cursor, `key ${i}`, limits.ggufKeyBytes);
    if (seen.has(key)) throw cursor.malformed(`has the key "${shorten(key)}" twice`);
    if (key === "__proto__") throw cursor.malformed('has the key "__proto__", which no metadata needs');
    seen.add(key);
    const last = await skipValue(cursor, `the value of "${shorten(key)}"`);
    if (last !== undefined) lastStrings.set(key, last);
  }
  for (let i = 0; i < tensors; i++) await skipTensor(cursor, i);
  return { fileSize, bytes: cursor.header(), lastStrings };
}

async function checkVersion(cursor: HeaderCursor): Promise<void> {
  const version = await cursor.u32("the version");
  if (version === 2 || version === 3) return;
  if ((version & 0xffff) === 0 && version !== 0) {
    throw cursor.malformed("is a big-endian GGUF file; convert it to little-endian first");
  }
  throw cursor.malformed(`is GGUF of version ${version}, supported: 2 and 3; convert it anew`);
}

async function readText(cursor: HeaderCursor, what: string, limit: number): Promise<string> {
  const length = await cursor.count(`the length of ${what}`, limit);
  const bytes = await cursor.take(length, what);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw cursor.malformed(`${what} before byte ${cursor.offset} is not UTF-8`);
  }
}

/** Steps over a value; gives the last string of an array of them. */
async function skipValue(cursor: HeaderCursor, what: string): Promise<string | undefined> {
  const type = await cursor.u32(`the type of ${what}`);
  if (type === arrayType) return skipArray(cursor, what);
  if (type === stringType) await takeString(cursor, what);
  else await cursor.take(fixedSize(cursor, type, what), what);
  return undefined;
}

async function takeString(cursor: HeaderCursor, what: string): Promise<Uint8Array> {
  const length = await cursor.count(`the length of a string in ${what}`, limits.ggufStringBytes);
  return cursor.take(length, what);
}

async function skipArray(cursor: HeaderCursor, what: string): Promise<string | undefined> {
  const type = await cursor.u32(`the element type of ${what}`);
  const length = await cursor.count(`the length of ${what}`, limits.ggufArrayLength);
  if (type !== stringType) {
    await cursor.take(length * fixedSize(cursor, type, what), what);
    return undefined;
  }
  let last: Uint8Array | undefined;
  for (let i = 0; i < length; i++) last = await takeString(cursor, what);
  return last && new TextDecoder().decode(last);
}

function fixedSize(cursor: HeaderCursor, type: number, what: string): number {
  const size = fixedSizes.get(type);
  if (size !== undefined) return size;
  const why =
    type === arrayType ? "is an array of arrays, which nobody reads" : `has the unknown type ${type}`;
  throw cursor.malformed(`${what} ${why}`);
}

async function skipTensor(cursor: HeaderCursor, index: number): Promise<void> {
  const name = await readText(cursor, `the name of tensor ${index}`, limits.nameLength);
  const where = `tensor "${shorten(name)}"`;
  const rank = await cursor.u32(`the rank of ${where}`);
  if (rank > limits.ggufRank)
    throw cursor.limit(`${where} has ${rank} axes, the limit is ${limits.ggufRank}`);
  for (let axis = 0; axis < rank; axis++) {
    await cursor.count(`the size of axis ${axis} of ${where}`, limits.ggufDimension);
  }
  await cursor.take(4 + 8, `type and offset of ${where}`);
}
