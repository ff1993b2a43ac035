import { type MatmulOptions, type Operand, sizeOf } from "@denoise-rotator/core";
import type { DeviceArray } from "../device/device.js";
import { matmulSource } from "../sources/matmul.js";
import { matmulBlocksSource, unblockSource } from "../sources/matmul-blocks.js";
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
  const result =
    run.memory.device.runFours && sizeOf(out.shape) >= 4 && a.shape.at(-1)! > 0
      ? await byBlocks(run, a, b, out, { accumulate, alpha })
      : await byElements(run, a, b, out, { accumulate, alpha });
  return run.store(out, result);
}

/** Arguments that both ways have: strides, sizes, the leading axes. */
function common(operands: readonly Operand[]) {
  const [a, b] = operands as [Operand, Operand];
  const inner = a.shape.at(-1)!;
  const batch = atLeastOne(
    collapse(
      a.shape.slice(0, -2),
      operands.map(({ strides }) => strides.slice(0, -2)),
    ),
  );
  const args = {
    rows: a.shape.at(-2)!,
    columns: b.shape.at(-1)!,
    fours: Math.floor(inner / 4),
    ones: inner % 4,
    aRow: a.strides.at(-2)!,
    aColumn: a.strides.at(-1)!,
    bRow: b.strides.at(-2)!,
    bColumn: b.strides.at(-1)!,
  };
  return { batch, args };
}

async function byElements(
  run: Executor,
  a: Operand,
  b: Operand,
  out: Operand,
  { accumulate, alpha }: MatmulOptions,
): Promise<DeviceArray> {
  const operands = accumulate ? [a, b, out] : [a, b];
  const { batch, args } = common(operands);
  // Empty factors have nothing on the device; no term is read of them.
  const factor = (x: Operand) => run.array(a.shape.at(-1) === 0 ? out : x);
  return run.memory.device.run(
    matmulSource(batch.shape.length, accumulate),
    {
      ...args,
      aValues: await factor(a),
      bValues: await factor(b),
      ...(accumulate ? { oValues: await run.array(out), oRow: out.strides.at(-2)! } : {}),
      alpha,
      ...walkArguments(
        batch,
        ["a", "b", "o"].slice(0, operands.length),
        operands.map(({ offset }) => offset),
      ),
    },
    sizeOf(out.shape),
  );
}

async function byBlocks(
  run: Executor,
  a: Operand,
  b: Operand,
  out: Operand,
  { accumulate, alpha }: MatmulOptions,
): Promise<DeviceArray> {
  const { device } = run.memory;
  const { batch, args } = common([a, b]);
  const [blockRows, blockColumns] = [Math.ceil(args.rows / 2), Math.ceil(args.columns / 2)];
  const blocks = await device.runFours!(
    matmulBlocksSource(batch.shape.length),
    {
      ...args,
      blockRows,
      blockColumns,
      aValues: await run.array(a),
      bValues: await run.array(b),
      ...walkArguments(batch, ["a", "b"], [a.offset, b.offset]),
    },
    sizeOf(batch.shape) * blockRows * blockColumns,
  );
  try {
    const { rows, columns } = args;
    const outer = atLeastOne(collapse(out.shape.slice(0, -2), [out.strides.slice(0, -2)]));
    const old = accumulate
      ? {
          oValues: await run.array(out),
          oRow: out.strides.at(-2)!,
          ...walkArguments(outer, ["o"], [out.offset]),
        }
      : {};
    return await device.run(
      unblockSource(accumulate ? outer.shape.length : 0, accumulate),
      { blocks, rows, columns, blockRows, blockColumns, alpha, ...old },
      sizeOf(out.shape),
    );
  } finally {
    device.release(blocks);
  }
}

const canRead = (run: Executor, x: Operand): boolean =>
  x.shape.at(-1) === 0 || x.shape.at(-2) === 0 || run.takes(x);
