import { contiguousStrides, type Operand, sizeOf } from "@denoise-rotator/core";
import { kindOf } from "../memory/buffer.js";
import { gatherSource } from "../sources/gather.js";
import { atLeastOne, collapse, walkArguments } from "./axes.js";
import type { Executor } from "./executor.js";

export async function gather(
  run: Executor,
  x: Operand,
  indices: Operand,
  axis: number,
  out: Operand,
): Promise<void> {
  if (sizeOf(out.shape) === 0) return;
  const length = x.shape[axis]!;
  // A float knows whole numbers up to 2^24.
  if (length > 2 ** 24 || sizeOf(x.shape) === 0 || !run.takes(x, out)) {
    return run.onHost({ read: [x, indices], written: [out] }, ([a, at], [b]) =>
      run.memory.host.kernels.gather(a!, at!, axis, b!),
    );
  }
  const { device } = run.memory;
  const side = (from: number, to: number | undefined) =>
    atLeastOne(collapse(x.shape.slice(from, to), [x.strides.slice(from, to)]));
  const [before, after] = [side(0, axis), side(axis + 1, undefined)];
  const list = device.upload(await positionsOf(run, indices, length));
  try {
    const args = {
      x: await run.array(x),
      indices: list,
      count: list.length,
      slice: sizeOf(after.shape),
      along: x.strides[axis]!,
      missing: kindOf(x.dtype) === "f32" ? Number.NaN : 0,
      ...walkArguments(before, ["o"], [x.offset], "o"),
      ...walkArguments(after, ["i"], [0], "i"),
    };
    const source = gatherSource(before.shape.length, after.shape.length);
    await run.store(out, await device.run(source, args, sizeOf(out.shape)));
  } finally {
    device.release(list);
  }
}

/** The indices in row-major order, −1 for those outside `length`. */
async function positionsOf(run: Executor, indices: Operand, length: number): Promise<Float32Array> {
  let list = new Float32Array();
  await run.onHost({ read: [indices] }, ([at]) => {
    const { host } = run.memory;
    const byteLength = sizeOf(indices.shape) * 4;
    const compact = host.allocate(byteLength);
    host.kernels.copy(at!, { ...at!, buffer: compact, strides: contiguousStrides(at!.shape), offset: 0 });
    const values = new Int32Array(host.readSync!(compact, 0, byteLength).buffer);
    host.free(compact);
    list = Float32Array.from(values, (value) => (value >= 0 && value < length ? value : -1));
  });
  return list;
}
