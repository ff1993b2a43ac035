/** A number without a mark is u32; lists have at most 8. */
export type Param = number | readonly number[] | { readonly f32: number } | { readonly i32: number };
export type Params = Readonly<Record<string, Param>>;

/** Bytes of uniform storage one dispatch may take. */
export const paramBytes = 256;
/** Longest list of parameters, and so most axes a kernel sees. */
export const listLength = 8;

const isList = (value: Param): value is readonly number[] => Array.isArray(value);

/** `struct Params` of WGSL for what `writeParams` writes: lists first, which uniform layout wants at multiples of 16. */
export function declareParams(params: Params): string {
  const entries = Object.entries(params);
  const fields = [
    ...entries.filter(([, value]) => isList(value)).map(([name]) => `  ${name}: array<vec4<u32>, 2>,`),
    ...entries
      .filter(([, value]) => !isList(value))
      .map(
        ([name, value]) =>
          `  ${name}: ${typeof value === "number" ? "u32" : "f32" in (value as object) ? "f32" : "i32"},`,
      ),
  ];
  if (fields.length === 0) fields.push("  unused: u32,");
  return `struct Params {\n${fields.join("\n")}\n}\n@group(1) @binding(0) var<uniform> params: Params;\n`;
}

/** Writes `params` at `word`, in the order of {@link declareParams}. */
export function writeParams(params: Params, words: Uint32Array, floats: Float32Array, word: number): void {
  let at = word;
  for (const name in params) {
    const value = params[name]!;
    if (!isList(value)) continue;
    if (value.length > listLength)
      throw new RangeError(`parameter ${name} has ${value.length} numbers, at most ${listLength} fit`);
    for (let i = 0; i < listLength; i++) words[at + i] = value[i] ?? 0;
    at += listLength;
  }
  for (const name in params) {
    const value = params[name]!;
    if (isList(value)) continue;
    if (typeof value === "number") words[at] = value;
    else if ("f32" in value) floats[at] = value.f32;
    else words[at] = value.i32;
    at++;
  }
  if (at - word > paramBytes / 4)
    throw new RangeError(`the parameters take ${(at - word) * 4} bytes, at most ${paramBytes} fit`);
}
