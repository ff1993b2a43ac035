import { type BinaryOp, type Operand, sizeOf, type UnaryOp } from "@denoise-rotator/core";
import { coversBuffer } from "../memory/buffer.js";
import { binarySource, selectSource, truthSource, unarySource } from "../sources/elementwise.js";
import { fillArguments, fillSource } from "../sources/place.js";
import { atLeastOne, collapse, walkArguments } from "./axes.js";
import type { Executor } from "./executor.js";

/** Constants that gpu.js's language lacks. */
export const limits = { inf: Number.POSITIVE_INFINITY, nan: Number.NaN };

/** Numbers that are sent sooner than a kernel makes them. */
const fewest = 64;

export async function fill(run: Executor, out: Operand, value: number): Promise<void> {
  if (sizeOf(out.shape) === 0) return;
  if (!run.takes(out)) {
    return run.onHost({ written: [out] }, (_, [target]) => run.memory.host.kernels.fill(target!, value));
  }
  const { device } = run.memory;
  const stored = out.dtype === "bool" ? Number(value !== 0) : value;
  if (coversBuffer(out)) {
    const size = sizeOf(out.shape);
    const filled =
      size <= fewest
        ? device.upload(new Float32Array(size).fill(stored))
        : await device.run(fillSource, fillArguments(stored), size);
    return run.store(out, filled);
  }
  const one = device.upload(Float32Array.of(stored));
  try {
    await run.place(
      out,
      one,
      0,
      out.shape.map(() => 0),
    );
  } finally {
    device.release(one);
  }
}

export async function copy(run: Executor, x: Operand, out: Operand): Promise<void> {
  if (sizeOf(out.shape) === 0) return;
  if (!run.takes(x, out)) {
    return run.onHost({ read: [x], written: [out] }, ([a], [b]) => run.memory.host.kernels.copy(a!, b!));
  }
  if (out.dtype === "bool" && x.dtype !== "bool") {
    const axes = atLeastOne(collapse(x.shape, [x.strides]));
    const args = { xValues: await run.array(x), ...walkArguments(axes, ["x"], [x.offset]) };
    return run.store(out, await run.memory.device.run(truthSource(axes.shape.length), args, sizeOf(x.shape)));
  }
  if (coversBuffer(out)) return run.store(out, await run.compact(x));
  return run.place(out, await run.array(x), x.offset, x.strides);
}

export async function unary(run: Executor, op: UnaryOp, x: Operand, out: Operand): Promise<void> {
  if (sizeOf(out.shape) === 0) return;
  if (!run.takes(x, out)) {
    return run.onHost({ read: [x], written: [out] }, ([a], [b]) => run.memory.host.kernels.unary(op, a!, b!));
  }
  const axes = atLeastOne(collapse(x.shape, [x.strides]));
  const args = { xValues: await run.array(x), ...walkArguments(axes, ["x"], [x.offset]), ...limits };
  const source = unarySource(op, axes.shape.length);
  return run.store(out, await run.memory.device.run(source, args, sizeOf(out.shape)));
}

export async function binary(
  run: Executor,
  op: BinaryOp,
  a: Operand,
  b: Operand,
  out: Operand,
): Promise<void> {
  if (sizeOf(out.shape) === 0) return;
  if (!run.takes(a, b, out)) {
    return run.onHost({ read: [a, b], written: [out] }, ([p, q], [r]) =>
      run.memory.host.kernels.binary(op, p!, q!, r!),
    );
  }
  const axes = atLeastOne(collapse(out.shape, [a.strides, b.strides]));
  const args = {
    aValues: await run.array(a),
    bValues: await run.array(b),
    ...walkArguments(axes, ["a", "b"], [a.offset, b.offset]),
    ...limits,
  };
  const source = binarySource(op, axes.shape.length);
  return run.store(out, await run.memory.device.run(source, args, sizeOf(out.shape)));
}

export async function select(
  run: Executor,
  condition: Operand,
  a: Operand,
  b: Operand,
  out: Operand,
): Promise<void> {
  if (sizeOf(out.shape) === 0) return;
  if (!run.takes(condition, a, b, out)) {
    return run.onHost({ read: [condition, a, b], written: [out] }, ([c, p, q], [r]) =>
      run.memory.host.kernels.select(c!, p!, q!, r!),
    );
  }
  const axes = atLeastOne(collapse(out.shape, [condition.strides, a.strides, b.strides]));
  const args = {
    cValues: await run.array(condition),
    aValues: await run.array(a),
    bValues: await run.array(b),
    ...walkArguments(axes, ["c", "a", "b"], [condition.offset, a.offset, b.offset]),
  };
  return run.store(
    out,
    await run.memory.device.run(selectSource(axes.shape.length), args, sizeOf(out.shape)),
  );
}
