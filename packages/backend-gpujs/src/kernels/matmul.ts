import { type MatmulOptions, type Operand, sizeOf } from "@denoise-rotator/core";
import type { DeviceArray } from "../device/device.js";
import { matmulSource } from "../sources/matmul.js";
import { atLeastOne, collapse, walkArguments } from "./axes.js";
import type { Executor } from "./executor.js";

export async function matmul(
  run: Executor,
  a: Operand,
  b: Operand,
  out: Operand,
  { accumulate, alpha }: MatmulOptions,
): Promise<void> {
  if (sizeOf(out.shape) === 0) return;
  if (!run.takes(out) || !canRead(run, a) || !canRead(run, b)) {
    return run.onHost({ read: [a, b], updated: [out] }, ([p, q], [r]) =>
      run.memory.host.kernels.matmul(p!, q!, r!, { accumulate, alpha }),
    );
  }
  const [rows, columns] = out.shape.slice(-2) as [number, number];
  const inner = a.shape.at(-1)!;
  const operands = accumulate ? [a, b, out] : [a, b];
  const batch = atLeastOne(
    collapse(
      out.shape.slice(0, -2),
      operands.map(({ strides }) => strides.slice(0, -2)),
    ),
  );
  const args: Record<string, DeviceArray | number> = {
    columns,
    rows,
    fours: Math.floor(inner / 4),
    ones: inner % 4,
    aRow: a.strides.at(-2)!,
    aColumn: a.strides.at(-1)!,
    bRow: b.strides.at(-2)!,
    bColumn: b.strides.at(-1)!,
    alpha,
    ...walkArguments(
      batch,
      ["a", "b", "o"].slice(0, operands.length),
      operands.map(({ offset }) => offset),
    ),
  };
  // Empty factors have nothing on the device; no term is read of them.
  const nothing = inner === 0 ? run.array(out) : undefined;
  args.aValues = await (nothing ?? run.array(a));
  args.bValues = await (nothing ?? run.array(b));
  if (accumulate) {
    args.oValues = await run.array(out);
    args.oRow = out.strides.at(-2)!;
  }
  const source = matmulSource(batch.shape.length, accumulate);
  return run.store(out, await run.memory.device.run(source, args, sizeOf(out.shape)));
}

const canRead = (run: Executor, x: Operand): boolean =>
  x.shape.at(-1) === 0 || x.shape.at(-2) === 0 || run.takes(x);
