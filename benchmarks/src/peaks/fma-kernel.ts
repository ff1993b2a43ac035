/*
 * A loop of multiply-adds on registers alone, as WebAssembly bytes: what no kernel can exceed on this engine and CPU.
 */

/** Multiply-adds of each chain in one turn of the loop. */
const repeats = 4;

/** Independent sums: enough to hide the latency of an addition, few enough to stay in registers. */
export const chains = 12;

export interface FmaKernel {
  readonly module: Uint8Array;
  /** Floating-point operations of one turn of `run(turns, 0)`. */
  readonly flopsPerTurn: number;
}

const op = {
  load: [0xfd, 0x00],
  store: [0xfd, 0x0b],
  multiply: [0xfd, 0xe6, 0x01],
  add: [0xfd, 0xe4, 0x01],
  relaxedMultiplyAdd: [0xfd, 0x85, 0x02],
  get: 0x20,
  set: 0x21,
  tee: 0x22,
};

/**
 * @param fma Relaxed SIMD's multiply-add instead of a multiplication and an addition.
 * @param vectors 1: chains of 128-bit vectors. 2: chains of neighbouring pairs, which V8's revectoriser fuses to 256 bits.
 */
export function fmaKernel(fma: boolean, vectors: 1 | 2): FmaKernel {
  const sums = chains * vectors;
  const [turns, base, firstSum] = [0, 1, 2];
  const factor = firstSum + sums;
  const term = factor + vectors;
  const vectorAt = (offset: number) => [...leb(4), ...leb(offset * 16)];
  const loaded = Array.from({ length: sums + 2 * vectors }, (_, i) => [
    ...[op.get, base],
    ...[...op.load, ...vectorAt(i)],
    ...[op.set, ...leb(firstSum + i)],
  ]);
  const steps = Array.from({ length: repeats * sums }, (_, i) => {
    const [sum, lane] = [firstSum + (i % sums), i % vectors];
    const get = (local: number) => [op.get, ...leb(local)];
    const product = fma
      ? [...get(factor + lane), ...get(term + lane), ...get(sum), ...op.relaxedMultiplyAdd]
      : [...get(sum), ...get(factor + lane), ...op.multiply, ...get(term + lane), ...op.add];
    return [...product, op.set, ...leb(sum)];
  });
  const stored = Array.from({ length: sums }, (_, i) => [
    ...[op.get, base, op.get, ...leb(firstSum + i)],
    ...[...op.store, ...vectorAt(i)],
  ]);
  const countDown = [op.get, turns, 0x41, 1, 0x6b, op.tee, turns, 0x0d, 0];
  const body = [
    ...[1, ...leb(sums + 2 * vectors), 0x7b], // one group of v128 locals
    ...loaded.flat(),
    ...[0x03, 0x40, ...steps.flat(), ...countDown, 0x0b],
    ...stored.flat(),
    0x0b,
  ];
  return { module: moduleOf(body), flopsPerTurn: repeats * sums * 4 * 2 };
}

/** A module that exports its memory as `memory` and the function `(i32, i32) → ()` as `run`. */
function moduleOf(body: readonly number[]): Uint8Array {
  const section = (id: number, content: readonly number[]) => [id, ...leb(content.length), ...content];
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, 0x7f, 0x7f, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...name("memory"), 2, 0, ...name("run"), 0, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  return [...out, rest];
}
