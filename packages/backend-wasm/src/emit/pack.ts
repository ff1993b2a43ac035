import { f32, f32x4, type I32, i32, type Local, select, type V128, v128 } from "../assembler/expressions.js";
import type { FunctionBuilder, ParameterLocals } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";

/**
 * Packing copies a block of a factor into panels: `width` consecutive lines (rows of A, columns of B) interleaved, so
 * that the inner kernel reads memory in order. Lines missing in the last panel and steps between `depth` and
 * `paddedDepth` are zero. Everything is multiplied by `alpha`.
 */
export const packParameters = {
  from: "i32",
  /** Bytes between rows of the source. */
  fromRow: "i32",
  to: "i32",
  /** Lines to pack. */
  lines: "i32",
  depth: "i32",
  paddedDepth: "i32",
  alpha: "f32",
} as const;
type PackParameters = ParameterLocals<typeof packParameters>;

/** `name`: source element (line, k) at `from + k·fromRow + 4·line`, that is B row-major or A column-major. */
export function definePackAlong(m: ModuleBuilder, name: string, width: number): void {
  m.define(name, packParameters, (f, p) => {
    const [source, target, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
    const alpha = f.let(f32x4.splat(p.alpha));
    const panelBytes = f.let(i32.mul(p.paddedDepth, width * 4));
    f.repeat(p.depth, () => {
      f.set(source, p.from);
      f.set(target, p.to);
      f.set(left, p.lines);
      f.while(
        () => i32.geS(left, width),
        () => {
          copyScaledRow(f, width, target, source, alpha, p.alpha);
          f.advance(source, width * 4);
          f.advance(target, panelBytes);
          f.advance(left, -width);
        },
      );
      f.if(i32.gtS(left, 0), () => {
        const index = f.local("i32");
        f.setInt(index, 0);
        f.while(
          () => i32.ltS(index, width),
          () => {
            const value = f32.mul(f32.load(source), p.alpha);
            f.store(target, select(value, f32.const(0), i32.ltS(index, left)));
            f.advance(source, 4);
            f.advance(target, 4);
            f.advance(index, 1);
          },
        );
      });
      f.advance(p.from, p.fromRow);
      f.advance(p.to, width * 4);
    });
    f.repeat(i32.sub(p.paddedDepth, p.depth), () => {
      f.set(target, p.to);
      f.set(left, p.lines);
      f.while(
        () => i32.gtS(left, 0),
        () => {
          for (let i = 0; i < width; i++) f.store(target, f32.const(0), 4 * i);
          f.advance(target, panelBytes);
          f.advance(left, -width);
        },
      );
      f.advance(p.to, width * 4);
    });
  });
}

/** `width` consecutive elements times alpha. */
function copyScaledRow(
  f: FunctionBuilder,
  width: number,
  to: I32,
  from: I32,
  alphas: V128,
  alpha: Local<"f32">,
): void {
  let i = 0;
  for (; i + 4 <= width; i += 4) f.store(to, f32x4.mul(v128.load(from, 4 * i), alphas), 4 * i);
  for (; i < width; i++) f.store(to, f32.mul(f32.load(from, 4 * i), alpha), 4 * i);
}

/** `name`: source element (line, k) at `from + line·fromRow + 4·k`, that is A row-major or B column-major. */
export function definePackAcross(m: ModuleBuilder, name: string, width: number): void {
  m.define(name, packParameters, (f, p) => {
    const panelBytes = f.let(i32.mul(p.paddedDepth, width * 4));
    const pad = f.local("i32");
    f.while(
      () => i32.gtS(p.lines, 0),
      () => {
        f.if(
          i32.geS(p.lines, width),
          () => packWholePanel(f, width, p),
          () => packPartialPanel(f, width, p),
        );
        f.set(pad, i32.add(p.to, i32.mul(p.depth, width * 4)));
        f.repeat(i32.mul(i32.sub(p.paddedDepth, p.depth), width), () => {
          f.store(pad, f32.const(0));
          f.advance(pad, 4);
        });
        f.advance(p.to, panelBytes);
        f.advance(p.from, i32.mul(p.fromRow, width));
        f.advance(p.lines, -width);
      },
    );
  });
}

/** Four steps along k at a time, transposed in registers. */
function packWholePanel(f: FunctionBuilder, width: number, p: PackParameters): void {
  const rows = f.locals("i32", width);
  const values = f.locals("v128", width);
  const mixed = f.locals("v128", 4);
  const alpha = f.let(f32x4.splat(p.alpha));
  rows.forEach((row, i) => {
    f.set(row, i === 0 ? p.from : i32.add(rows[i - 1]!, p.fromRow));
  });
  const to = f.let(p.to);
  const left = f.let(p.depth);
  f.while(
    () => i32.geS(left, 4),
    () => {
      rows.forEach((row, i) => {
        f.set(values[i]!, f32x4.mul(v128.load(row), alpha));
        f.advance(row, 16);
      });
      let group = 0;
      for (; group + 4 <= width; group += 4) transposeInto(f, width, group, values, mixed, to);
      for (; group + 2 <= width; group += 2) transposePairInto(f, width, group, values, mixed, to);
      if (group < width) {
        for (let k = 0; k < 4; k++) f.storeLane(32, to, values[group]!, k, (k * width + group) * 4);
      }
      f.advance(to, width * 16);
      f.advance(left, -4);
    },
  );
  f.while(
    () => i32.gtS(left, 0),
    () => {
      rows.forEach((row, i) => {
        f.store(to, f32.mul(f32.load(row), p.alpha), 4 * i);
        f.advance(row, 4);
      });
      f.advance(to, width * 4);
      f.advance(left, -1);
    },
  );
}

function transposeInto(
  f: FunctionBuilder,
  width: number,
  group: number,
  values: readonly V128[],
  mixed: readonly Local<"v128">[],
  to: I32,
): void {
  const [a, b, c, d] = values.slice(group, group + 4) as [V128, V128, V128, V128];
  f.set(mixed[0]!, v128.shuffle32(a, b, [0, 4, 1, 5]));
  f.set(mixed[1]!, v128.shuffle32(a, b, [2, 6, 3, 7]));
  f.set(mixed[2]!, v128.shuffle32(c, d, [0, 4, 1, 5]));
  f.set(mixed[3]!, v128.shuffle32(c, d, [2, 6, 3, 7]));
  for (let k = 0; k < 4; k++) {
    const high = k >> 1;
    const lanes = k % 2 === 0 ? ([0, 1, 4, 5] as const) : ([2, 3, 6, 7] as const);
    f.store(to, v128.shuffle32(mixed[high]!, mixed[2 + high]!, lanes), (k * width + group) * 4);
  }
}

function transposePairInto(
  f: FunctionBuilder,
  width: number,
  group: number,
  values: readonly V128[],
  mixed: readonly Local<"v128">[],
  to: I32,
): void {
  const [a, b] = values.slice(group, group + 2) as [V128, V128];
  f.set(mixed[0]!, v128.shuffle32(a, b, [0, 4, 1, 5]));
  f.set(mixed[1]!, v128.shuffle32(a, b, [2, 6, 3, 7]));
  for (let k = 0; k < 4; k++) f.storeLane(64, to, mixed[k >> 1]!, k % 2, (k * width + group) * 4);
}

function packPartialPanel(f: FunctionBuilder, width: number, p: PackParameters): void {
  const [line, from, to] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.setInt(line, 0);
  f.while(
    () => i32.ltS(line, width),
    () => {
      f.set(to, i32.add(p.to, i32.shl(line, 2)));
      f.if(
        i32.ltS(line, p.lines),
        () => {
          f.set(from, i32.add(p.from, i32.mul(line, p.fromRow)));
          f.repeat(p.depth, () => {
            f.store(to, f32.mul(f32.load(from), p.alpha));
            f.advance(from, 4);
            f.advance(to, width * 4);
          });
        },
        () =>
          f.repeat(p.depth, () => {
            f.store(to, f32.const(0));
            f.advance(to, width * 4);
          }),
      );
      f.advance(line, 1);
    },
  );
}
