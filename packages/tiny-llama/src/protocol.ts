import { documents, type Split } from "./texts.js";

/** Token ids of a text, without special tokens. */
export type Encode = (text: string) => ArrayLike<number>;

/** Tokens of a window: the model's context. */
export const windowLength = 256;

/** `<|eot|>`, which begins every document. */
const beginningOfDocument = 0;

/** The token stream of a split: for each document token 0, then its tokens. */
export async function tokenStream(split: Split, encode: Encode): Promise<Int32Array<ArrayBuffer>> {
  const encoded = (await documents(split)).map((text) => encode(text));
  const stream = new Int32Array(encoded.reduce((total, ids) => total + 1 + ids.length, 0));
  let end = 0;
  for (const ids of encoded) {
    stream[end++] = beginningOfDocument;
    stream.set(ids, end);
    end += ids.length;
  }
  return stream;
}

/** `count` windows spread evenly over the stream: window i starts at ⌊i·(L − length)/(count − 1)⌋. */
export function spacedWindows(stream: Int32Array, count: number, length = windowLength): Int32Array[] {
  if (stream.length < length) {
    throw new RangeError(`the text has ${stream.length} tokens, fewer than one window of ${length}`);
  }
  const last = stream.length - length;
  return Array.from({ length: count }, (_, i) => {
    const start = count === 1 ? 0 : Math.floor((i * last) / (count - 1));
    return stream.slice(start, start + length);
  });
}

/** The stream cut into windows (the remainder dropped), every `stride`-th of them from the first on. */
export function stridedWindows(stream: Int32Array, stride: number, length = windowLength): Int32Array[] {
  const count = Math.floor(stream.length / length);
  const windows: Int32Array[] = [];
  for (let i = 0; i < count; i += stride) windows.push(stream.slice(i * length, (i + 1) * length));
  return windows;
}

/** The 64 calibration windows of the protocol. */
export async function calibrationWindows(encode: Encode): Promise<Int32Array[]> {
  return spacedWindows(await tokenStream("train", encode), 64);
}

/** The 360 test windows of the protocol; tokens 1…255 of each are predicted. */
export async function testWindows(encode: Encode): Promise<Int32Array[]> {
  return stridedWindows(await tokenStream("test", encode), 4);
}
