import { unsigned } from "./encoding.js";
import {
  type Expr,
  type I32,
  type Int,
  i32,
  int,
  type Local,
  type V128,
  type ValueType,
} from "./expressions.js";

const valueTypeCodes: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };
export const valueTypeCode = (type: ValueType): number => valueTypeCodes[type];

/** A block that can be left with {@link FunctionBuilder.breakIf}. */
export interface Label {
  readonly depth: number;
}

/** An array of `N` elements, as a tuple where `N` is a literal. */
type Tuple<T, N extends number, R extends T[] = []> = number extends N
  ? T[]
  : R["length"] extends N
    ? R
    : Tuple<T, N, [...R, T]>;

export interface Parameters {
  readonly [name: string]: ValueType;
}
export type ParameterLocals<P extends Parameters> = { readonly [K in keyof P]: Local<P[K]> };

/** Collects the statements of one function; expressions come from `expressions.ts`. */
export class FunctionBuilder {
  readonly #parameterCount: number;
  readonly #locals: ValueType[] = [];
  readonly #code: number[] = [];
  #depth = 0;

  constructor(parameterCount: number) {
    this.#parameterCount = parameterCount;
  }

  local<T extends ValueType>(type: T): Local<T> {
    const index = this.#parameterCount + this.#locals.push(type) - 1;
    return localAt(type, index);
  }

  locals<T extends ValueType, const N extends number>(type: T, count: N): Tuple<Local<T>, N> {
    return Array.from({ length: count }, () => this.local(type)) as Tuple<Local<T>, N>;
  }

  /** A new local holding `value`. */
  let<T extends ValueType>(value: Expr<T>): Local<T> {
    const local = this.local(value.type);
    this.set(local, value);
    return local;
  }

  set<T extends ValueType>(local: Local<T>, value: Expr<T>): void {
    this.#emit(value.code, [0x21, ...unsigned(local.index)]);
  }

  setInt(local: Local<"i32">, value: Int): void {
    this.set(local, int(value));
  }

  advance(local: Local<"i32">, by: Int): void {
    this.set(local, i32.add(local, by));
  }

  /** Stores a value of its own width. */
  store(address: Int, value: Expr<ValueType>, offset = 0): void {
    const opcode = { i32: [0x36], f32: [0x38], f64: [0x39], v128: [0xfd, 0x0b] }[value.type];
    this.#emit(int(address).code, value.code, [...opcode, 0, ...unsigned(offset)]);
  }

  store8(address: Int, value: Int, offset = 0): void {
    this.#emit(int(address).code, int(value).code, [0x3a, 0, ...unsigned(offset)]);
  }

  store16(address: Int, value: Int, offset = 0): void {
    this.#emit(int(address).code, int(value).code, [0x3b, 0, ...unsigned(offset)]);
  }

  /** Stores one lane of `bits` bits of a vector. */
  storeLane(bits: 8 | 32 | 64, address: Int, value: V128, lane: number, offset = 0): void {
    const opcode = { 8: 0x58, 32: 0x5a, 64: 0x5b }[bits];
    this.#emit(int(address).code, value.code, [0xfd, opcode, 0, ...unsigned(offset), lane]);
  }

  memoryCopy(to: Int, from: Int, byteLength: Int): void {
    this.#emit(int(to).code, int(from).code, int(byteLength).code, [0xfc, 0x0a, 0, 0]);
  }

  /** Calls the function with this index; see {@link ModuleBuilder.call}. */
  call(index: number, args: readonly Expr<ValueType>[]): void {
    this.#emit(...args.map(({ code }) => code), [0x10, ...unsigned(index)]);
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.#emit(condition.code, [0x04, 0x40]);
    this.#nested(then);
    if (otherwise) {
      this.#emit([0x05]);
      this.#nested(otherwise);
    }
    this.#emit([0x0b]);
  }

  block(body: (exit: Label) => void): void {
    this.#emit([0x02, 0x40]);
    this.#nested(() => body({ depth: this.#depth }));
    this.#emit([0x0b]);
  }

  breakIf(label: Label, condition: I32): void {
    this.#emit(condition.code, [0x0d, ...unsigned(this.#depth - label.depth)]);
  }

  /** Runs `body`, then again as long as `condition` holds. */
  doWhile(body: () => void, condition: () => I32): void {
    this.#emit([0x03, 0x40]);
    this.#nested(() => {
      body();
      this.#emit(condition().code, [0x0d, 0]);
    });
    this.#emit([0x0b]);
  }

  /** The condition is tested once before the loop and at the end of each round. */
  while(condition: () => I32, body: () => void): void {
    this.if(condition(), () => this.doWhile(body, condition));
  }

  /** `body` once for each of `count` ≥ 0 rounds; `counter` counts down to 0. */
  repeat(count: Int, body: () => void): void {
    const left = this.let(int(count));
    this.while(
      () => i32.gtS(left, 0),
      () => {
        body();
        this.advance(left, -1);
      },
    );
  }

  /** Body bytes: local declarations, code, end. */
  finish(): number[] {
    const declarations = this.#locals.flatMap((type) => [1, valueTypeCode(type)]);
    return [...unsigned(this.#locals.length), ...declarations, ...this.#code, 0x0b];
  }

  #nested(body: () => void): void {
    this.#depth++;
    body();
    this.#depth--;
  }

  #emit(...chunks: (readonly number[])[]): void {
    for (const chunk of chunks) for (const byte of chunk) this.#code.push(byte);
  }
}

export function localAt<T extends ValueType>(type: T, index: number): Local<T> {
  return { type, index, code: [0x20, ...unsigned(index)] };
}
