/** Unsigned LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest = Math.floor(rest / 128);
    bytes.push(rest ? low | 0x80 : low);
  } while (rest);
  return bytes;
}

/** Signed LEB128 of a 32-bit integer. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && !(low & 0x40)) || (rest === -1 && low & 0x40)) {
      bytes.push(low);
      return bytes;
    }
    bytes.push(low | 0x80);
  }
}

/** Adds `more` to `bytes`; unlike spreading, without a copy of what is there. */
export function append(bytes: number[], more: readonly number[]): number[] {
  for (const byte of more) bytes.push(byte);
  return bytes;
}

/** Length-prefixed vector of already encoded items. */
export function vector(items: readonly (readonly number[])[]): number[] {
  const bytes = unsigned(items.length);
  for (const item of items) append(bytes, item);
  return bytes;
}

/** Length-prefixed ASCII name. */
export const ascii = (text: string): number[] => [
  ...unsigned(text.length),
  ...Array.from(text, (char) => char.charCodeAt(0)),
];

export const bytesOfF32 = (value: number): number[] => [...new Uint8Array(new Float32Array([value]).buffer)];
export const bytesOfF64 = (value: number): number[] => [...new Uint8Array(new Float64Array([value]).buffer)];
