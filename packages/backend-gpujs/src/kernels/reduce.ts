import { type Operand, type ReduceOp, sizeOf } from "@denoise-rotator/core";
import type { DeviceArray } from "../device/device.js";
import { reduceSource } from "../sources/reduce.js";
import { type Axes, atLeastOne, collapse, walkArguments } from "./axes.js";
import { limits } from "./elementwise.js";
import type { Executor } from "./executor.js";

/** Fewer threads than this leave a GPU idle, and longer sums keep one busy: then a result is made of parts first. */
const threads = 4096;
const longest = 256;

/** Reduces `inner` of `x` for each element of `outer`, in `parts` each. */
function run(
  executor: Executor,
  op: ReduceOp,
  x: { readonly array: DeviceArray; readonly start: number },
  outer: Axes,
  inner: Axes,
  parts: number,
): Promise<DeviceArray> {
  const count = sizeOf(inner.shape);
  return executor.memory.device.run(
    reduceSource(op, outer.shape.length, inner.shape.length),
    {
      x: x.array,
      count,
      parts,
      turns: Math.ceil(count / parts),
      ...walkArguments(outer, ["k"], [x.start], "k"),
      ...walkArguments(inner, ["r"], [0], "r"),
      ...limits,
    },
    sizeOf(outer.shape) * parts,
  );
}

export async function reduce(
  executor: Executor,
  op: ReduceOp,
  x: Operand,
  axes: readonly number[],
  out: Operand,
): Promise<void> {
  if (sizeOf(out.shape) === 0) return;
  if (sizeOf(x.shape) === 0 || !executor.takes(x, out)) {
    return executor.onHost({ read: [x], written: [out] }, ([a], [b]) =>
      executor.memory.host.kernels.reduce(op, a!, axes, b!),
    );
  }
  const part = (chosen: boolean) => {
    const picked = x.shape.map((_, axis) => axis).filter((axis) => axes.includes(axis) === chosen);
    const of = (list: readonly number[]) => picked.map((axis) => list[axis]!);
    return atLeastOne(collapse(of(x.shape), [of(x.strides)]));
  };
  const [outer, inner] = [part(false), part(true)];
  const [results, count] = [sizeOf(outer.shape), sizeOf(inner.shape)];
  const source = { array: await executor.array(x), start: x.offset };
  const parts =
    count > longest && results < threads
      ? Math.min(Math.ceil(count / 16), Math.ceil(threads / results), Math.ceil(Math.sqrt(count)) * 2)
      : 1;
  const first = await run(executor, op, source, outer, inner, parts);
  if (parts === 1) return executor.store(out, first);
  try {
    const rows = { shape: [results], strides: [[parts]] };
    const columns = { shape: [parts], strides: [[1]] };
    await executor.store(out, await run(executor, op, { array: first, start: 0 }, rows, columns, 1));
  } finally {
    executor.memory.device.release(first);
  }
}
