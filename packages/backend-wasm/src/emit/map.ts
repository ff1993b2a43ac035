import {
  type I32,
  type Int,
  i8x16,
  i16x8,
  i32,
  i32x4,
  int,
  type Local,
  threadArea,
  type V128,
  v128,
} from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";
import { layout } from "../engine/layout.js";
import type { Lanewise } from "./bundle.js";

/**
 * How elements lie in memory and in a vector.
 * - `word`: four 32-bit elements; `byte`: sixteen 8-bit, `short`: eight 16-bit ones.
 * - `flag`: four bool bytes widened to lane masks; `half`: four 16-bit elements widened to lanes.
 */
export type Lanes = "word" | "byte" | "short" | "flag" | "half";

interface LaneInfo {
  readonly lanes: number;
  readonly elementBytes: number;
  readonly load: (address: Int, offset: number) => V128;
  readonly splat: (address: Int) => V128;
}

const laneInfo: Readonly<Record<Lanes, LaneInfo>> = {
  word: { lanes: 4, elementBytes: 4, load: v128.load, splat: v128.load32Splat },
  byte: { lanes: 16, elementBytes: 1, load: v128.load, splat: v128.load8Splat },
  short: { lanes: 8, elementBytes: 2, load: v128.load, splat: v128.load16Splat },
  flag: {
    lanes: 4,
    elementBytes: 1,
    load: (address, offset) =>
      i32x4.ne(i32x4.extendLowI16x8U(i16x8.extendLowI8x16U(v128.load32Zero(address, offset))), v128.zero),
    splat: v128.load8Splat,
  },
  half: {
    lanes: 4,
    elementBytes: 2,
    load: (address, offset) => i32x4.extendLowI16x8U(v128.load64Zero(address, offset)),
    splat: v128.load16Splat,
  },
};

export interface MapKernel {
  readonly name: string;
  readonly inputs: readonly Lanes[];
  readonly output: Lanes;
  readonly apply: Lanewise;
}

/** Vectors that go through a map side by side. */
const width = 4;

/** Bytes from one vector of elements to the next. */
export const vectorBytes = (lanes: Lanes): number => laneInfo[lanes].lanes * laneInfo[lanes].elementBytes;

type MapParameters = Record<
  `${"in" | "step" | "row"}${number}` | "out" | "outRow" | "columns" | "rows",
  "i32"
>;

/** A mask or a widened vector narrowed to what is stored; `bytes` of it are meaningful. */
function narrow(output: Lanes, value: V128): V128 {
  if (output === "flag") {
    const shorts = i16x8.narrowI32x4S(value, value);
    return v128.and(i8x16.narrowI16x8S(shorts, shorts), i8x16.splat(int(1)));
  }
  return output === "half" ? i16x8.narrowI32x4U(value, value) : value;
}

function storeVector(f: FunctionBuilder, output: Lanes, address: Int, value: V128, offset = 0) {
  if (output === "flag") f.storeLane(32, address, value, 0, offset);
  else if (output === "half") f.storeLane(64, address, value, 0, offset);
  else f.store(address, value, offset);
}

/**
 * `name(in0, step0, row0, …, out, outRow, columns, rows)`: a map over `rows` rows of `columns` consecutive elements.
 * `step` is the bytes to the next vector of an input, 0 where one element serves the whole row; `row` and `outRow` are
 * bytes from row to row.
 */
export function defineMap(m: ModuleBuilder, kernel: MapKernel): void {
  const { inputs, output } = kernel;
  const { lanes, elementBytes } = laneInfo[output];
  const inputParameters = Object.fromEntries(
    inputs.flatMap((_, i) => [
      [`in${i}`, "i32"],
      [`step${i}`, "i32"],
      [`row${i}`, "i32"],
    ]),
  );
  m.define(
    kernel.name,
    {
      ...inputParameters,
      out: "i32",
      outRow: "i32",
      columns: "i32",
      rows: "i32",
    } as MapParameters,
    (f, p) => {
      const cursors = inputs.map(() => f.local("i32"));
      const to = f.local("i32");
      const left = f.local("i32");
      const rest = f.let(i32.add(threadArea, layout.scratch));
      const evaluate = (vectors: number): readonly V128[] => {
        const operands = inputs.map((input, i) =>
          Array.from({ length: vectors }, (_, place) =>
            laneInfo[input].load(cursors[i]!, place * vectorBytes(input)),
          ),
        );
        return kernel.apply(m, f, ...operands).map((value) => narrow(output, value));
      };
      const wholeVectors = (vectors: number) =>
        f.while(
          () => i32.geS(left, vectors * lanes),
          () => {
            for (const [place, value] of evaluate(vectors).entries()) {
              storeVector(f, output, to, value, place * vectorBytes(output));
            }
            for (const [i, cursor] of cursors.entries()) {
              f.advance(cursor, vectors === 1 ? p[`step${i}`]! : i32.mul(p[`step${i}`]!, vectors));
            }
            f.advance(to, vectors * vectorBytes(output));
            f.advance(left, -vectors * lanes);
          },
        );
      f.repeat(p.rows, () => {
        inputs.forEach((input, i) => {
          const [start, step, cursor] = [p[`in${i}`]!, p[`step${i}`]!, cursors[i]!];
          f.if(
            step,
            () => f.set(cursor, start),
            () => {
              const element = f.let(laneInfo[input].splat(start));
              f.set(cursor, i32.add(threadArea, layout.splats + 16 * width * i));
              for (let place = 0; place < width; place++) f.store(cursor, element, 16 * place);
            },
          );
        });
        f.set(to, p.out);
        f.set(left, p.columns);
        wholeVectors(width);
        wholeVectors(1);
        f.if(i32.gtS(left, 0), () => {
          f.store(rest, evaluate(1)[0]!);
          copyElements(f, elementBytes, to, rest, left);
        });
        inputs.forEach((_, i) => {
          f.advance(p[`in${i}`]!, p[`row${i}`]!);
        });
        f.advance(p.out, p.outRow);
      });
    },
  );
}

/** Copies `count` elements from `source` to `to`. */
function copyElements(
  f: FunctionBuilder,
  elementBytes: number,
  to: Local<"i32">,
  source: Local<"i32">,
  count: I32,
): void {
  const from = f.let(source);
  f.repeat(count, () => {
    if (elementBytes === 4) f.store(to, i32.load(from));
    else if (elementBytes === 2) f.store16(to, i32.load16U(from));
    else f.store8(to, i32.load8U(from));
    f.advance(from, elementBytes);
    f.advance(to, elementBytes);
  });
}
