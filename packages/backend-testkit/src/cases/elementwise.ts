import {
  type Backend,
  type BinaryOp,
  binaryOps,
  compareOps,
  type DType,
  isFloat,
  logicalOps,
  type UnaryOp,
  unaryOps,
} from "@denoise-rotator/core";
import fc from "fast-check";
import { hostOperand, type Layout } from "../host-operand.js";
import {
  type ConformanceCase,
  computedBy,
  expectAgreement,
  floatsOf,
  propertyCase,
  type Settings,
} from "../kernel-case.js";
import { layouts, seeds, shapes } from "../layouts.js";
import { angles, anyValue, bases, booleans, draw, exponents, type Values } from "../values.js";

/** Operands of one shape with layouts of their own, a contiguous output, and a seed for the values. */
const elementwise = (inputs: number, dtypes: readonly DType[]) =>
  shapes().chain((shape) =>
    fc.record({
      dtype: fc.constantFrom(...dtypes),
      inputs: fc.tuple(...Array.from({ length: inputs }, () => layouts(shape, { broadcast: true }))),
      out: layouts(shape, { strides: "dense" }),
      seed: seeds,
    }),
  );

const integerUnary: readonly string[] = ["neg", "abs", "sign", "square"];
function unaryDtypes(op: UnaryOp, backend: Backend): DType[] {
  if (op === "logicalNot") return ["bool"];
  return integerUnary.includes(op) ? [...floatsOf(backend), "i32"] : floatsOf(backend);
}

const unaryCase = (op: UnaryOp, settings: Settings): ConformanceCase =>
  propertyCase(
    `unary ${op}`,
    "unary",
    settings,
    (backend) => elementwise(1, unaryDtypes(op, backend)),
    async (backend, { dtype, inputs: [layout], out, seed }) => {
      const values = op === "sin" || op === "cos" ? angles : anyValue(dtype, settings.subnormals);
      const x = hostOperand(dtype, layout!, draw(seed, values));
      const call = {
        inputs: [x],
        outs: [{ dtype: op === "isFinite" ? ("bool" as const) : dtype, layout: out }],
        invoke: (kernels, [a], [b]) => kernels.unary(op, a!, b!),
      } satisfies Parameters<typeof expectAgreement>[1];
      await expectAgreement(backend, call, { what: `unary ${op}`, tolerance: settings.tolerances[op] });
    },
  );

const includes = (list: readonly string[], op: BinaryOp) => list.includes(op);
function binaryDtypes(op: BinaryOp, backend: Backend): DType[] {
  if (includes(logicalOps, op)) return ["bool"];
  if (op === "pow" || op === "div") return floatsOf(backend);
  return op === "equal" || op === "notEqual" ? computedBy(backend) : [...floatsOf(backend), "i32"];
}

const binaryCase = (op: BinaryOp, settings: Settings): ConformanceCase =>
  propertyCase(
    `binary ${op}`,
    "binary",
    settings,
    (backend) => elementwise(2, binaryDtypes(op, backend)),
    async (backend, { dtype, inputs: [left, right], out, seed }) => {
      const any = anyValue(dtype, settings.subnormals);
      const [p, q]: [Values, Values] = op === "pow" ? [bases, exponents] : [any, any];
      const a = hostOperand(dtype, left!, draw(seed, p));
      const b = hostOperand(dtype, right!, draw(seed + 1, q));
      const predicate = includes(compareOps, op);
      await expectAgreement(
        backend,
        {
          inputs: [a, b],
          outs: [{ dtype: predicate ? "bool" : dtype, layout: out }],
          invoke: (kernels, [x, y], [result]) => kernels.binary(op, x!, y!, result!),
        },
        { what: `binary ${op}`, tolerance: settings.tolerances[op] },
      );
    },
  );

const selectCase = (settings: Settings): ConformanceCase =>
  propertyCase(
    "select",
    "select",
    settings,
    (backend) => elementwise(3, computedBy(backend)),
    async (backend, { dtype, inputs: [condition, left, right], out, seed }) => {
      const any = anyValue(dtype, settings.subnormals);
      const inputs = [
        hostOperand("bool", condition!, draw(seed, booleans)),
        hostOperand(dtype, left!, draw(seed + 1, any)),
        hostOperand(dtype, right!, draw(seed + 2, any)),
      ];
      await expectAgreement(
        backend,
        {
          inputs,
          outs: [{ dtype, layout: out }],
          invoke: (kernels, [c, a, b], [result]) => kernels.select(c!, a!, b!, result!),
        },
        { what: "select", tolerance: settings.tolerances.select },
      );
    },
  );

/** One operand read and one written, both with any strides. */
const copied = (from: readonly DType[], to: readonly DType[]) =>
  shapes().chain((shape) =>
    fc.record({
      from: fc.constantFrom(...from),
      to: fc.constantFrom(...to),
      input: layouts(shape, { broadcast: true }),
      out: layouts(shape),
      seed: seeds,
    }),
  );

async function checkCopy(
  backend: Backend,
  settings: Settings,
  { from, to, input, out, seed }: { from: DType; to: DType; input: Layout; out: Layout; seed: number },
): Promise<void> {
  const x = hostOperand(from, input, draw(seed, anyValue(from, settings.subnormals)));
  await expectAgreement(
    backend,
    {
      inputs: [x],
      outs: [{ dtype: to, layout: out }],
      invoke: (kernels, [a], [b]) => kernels.copy(a!, b!),
    },
    { what: `copy from ${from} to ${to}`, tolerance: settings.tolerances.copy, widen: false },
  );
}

const fillCase = (settings: Settings): ConformanceCase =>
  propertyCase(
    "fill",
    "fill",
    settings,
    (backend) =>
      fc.record({
        dtype: fc.constantFrom(...computedBy(backend)),
        out: shapes().chain((shape) => layouts(shape)),
        seed: seeds,
      }),
    async (backend, { dtype, out, seed }) => {
      const value = draw(seed, anyValue(dtype, settings.subnormals))();
      const stored = isFloat(dtype) && dtype === "f32" ? Math.fround(value) : value;
      await expectAgreement(
        backend,
        { inputs: [], outs: [{ dtype, layout: out }], invoke: (kernels, _, [x]) => kernels.fill(x!, stored) },
        { what: `fill with ${stored}`, tolerance: settings.tolerances.fill },
      );
    },
  );

/** fill, copy and casts, unary, binary, select. */
export function elementwiseCases(settings: Settings): ConformanceCase[] {
  const stored = (backend: Backend) => backend.capabilities.dtypes;
  const check = (backend: Backend, sample: Parameters<typeof checkCopy>[2]) =>
    checkCopy(backend, settings, sample);
  return [
    fillCase(settings),
    propertyCase(
      "copy within a dtype",
      "copy",
      settings,
      (backend) => fc.constantFrom(...stored(backend)).chain((dtype) => copied([dtype], [dtype])),
      check,
    ),
    propertyCase(
      "copy with a cast",
      "copy",
      { ...settings, runs: settings.runs * 2 },
      (backend) => copied(stored(backend), stored(backend)),
      check,
    ),
    ...unaryOps.map((op) => unaryCase(op, settings)),
    ...[...binaryOps, ...compareOps, ...logicalOps].map((op) => binaryCase(op, settings)),
    selectCase(settings),
  ];
}
