import { append, ascii, unsigned, vector } from "./encoding.js";
import { type Expr, f32x4, type V128, type ValueType, v128 } from "./expressions.js";
import {
  FunctionBuilder,
  localAt,
  type ParameterLocals,
  type Parameters,
  valueTypeCode,
} from "./function-builder.js";

interface DefinedFunction {
  readonly name: string;
  readonly parameters: readonly number[];
  readonly body: readonly number[];
}

const floatBits = new Float32Array(1);
const integerBits = new Int32Array(floatBits.buffer);

/** What code generation depends on. */
export interface ModuleOptions {
  /** Whether relaxed SIMD (fused multiply-add) may be used. */
  readonly fma: boolean;
  /** Where the table of vector constants lies in memory. */
  readonly constantsAt: number;
  /** Whether the imported memory is shared between threads; default false. */
  readonly shared?: boolean;
}

/**
 * A module of exported functions without results over one imported memory (`env.memory`). Each thread has an instance,
 * told by the imported global `env.threadArea` where its own scratch memory lies (see `threadArea` in `expressions.ts`).
 *
 * Vector constants come from a table in memory: V8 would otherwise rebuild `v128.const` in every round of a loop.
 */
export class ModuleBuilder {
  readonly fma: boolean;
  readonly #constantsAt: number;
  readonly #shared: boolean;
  readonly #functions: DefinedFunction[] = [];
  readonly #constants = new Map<string, V128>();
  readonly #words: number[] = [];

  constructor(options: ModuleOptions) {
    this.fma = options.fma;
    this.#constantsAt = options.constantsAt;
    this.#shared = options.shared ?? false;
  }

  /** Defines and exports a function; parameters are taken in the order of their keys. */
  define<const P extends Parameters>(
    name: string,
    parameters: P,
    build: (f: FunctionBuilder, parameters: ParameterLocals<P>) => void,
  ): void {
    const entries = Object.entries(parameters);
    const f = new FunctionBuilder(entries.length);
    const locals = Object.fromEntries(entries.map(([key, type], index) => [key, localAt(type, index)]));
    build(f, locals as ParameterLocals<P>);
    const types = entries.map(([, type]) => valueTypeCode(type));
    this.#functions.push({ name, parameters: types, body: f.finish() });
  }

  /** Calls a function defined before, with as many arguments as it has parameters. */
  call(f: FunctionBuilder, name: string, ...args: Expr<ValueType>[]): void {
    const index = this.#functions.findIndex((each) => each.name === name);
    if (index < 0) throw new RangeError(`${name} is not defined yet`);
    f.call(index, args);
  }

  /** A vector of four equal f32. */
  f32(value: number): V128 {
    floatBits[0] = value;
    return this.i32(integerBits[0]!);
  }

  /** A vector of four equal i32. */
  i32(value: number): V128 {
    return this.words(value, value, value, value);
  }

  words(a: number, b: number, c: number, d: number): V128 {
    const key = `${a},${b},${c},${d}`;
    let constant = this.#constants.get(key);
    if (!constant) {
      constant = v128.load(0, this.#constantsAt + 4 * this.#words.length);
      this.#constants.set(key, constant);
      this.#words.push(a, b, c, d);
    }
    return constant;
  }

  /** a·b + c, fused if the engine has relaxed SIMD. */
  madd(a: V128, b: V128, c: V128): V128 {
    return this.fma ? f32x4.relaxedMadd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
  }

  /** The table of constants, to be written at `constantsAt`. */
  constants(): Uint8Array {
    return new Uint8Array(new Int32Array(this.#words).buffer);
  }

  encode(): Uint8Array<ArrayBuffer> {
    const functions = this.#functions;
    const section = (id: number, body: readonly number[]) => append([id, ...unsigned(body.length)], body);
    const types = functions.map(({ parameters }) => [0x60, ...unsigned(parameters.length), ...parameters, 0]);
    const limits = this.#shared ? [3, ...unsigned(1), ...unsigned(65536)] : [0, ...unsigned(1)];
    const memory = [...ascii("env"), ...ascii("memory"), 2, ...limits];
    const threadArea = [...ascii("env"), ...ascii("threadArea"), 3, valueTypeCode("i32"), 0];
    const bodies = functions.map(({ body }) => append(unsigned(body.length), body));
    const bytes = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    append(bytes, section(1, vector(types)));
    append(bytes, section(2, vector([memory, threadArea])));
    append(bytes, section(3, vector(functions.map((_, index) => unsigned(index)))));
    const exports = functions.map(({ name }, index) => [...ascii(name), 0, ...unsigned(index)]);
    append(bytes, section(7, vector(exports)));
    append(bytes, section(10, vector(bodies)));
    return new Uint8Array(bytes);
  }
}
