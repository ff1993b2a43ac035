/*
 * The few messages of ONNX's protocol buffers (onnx.proto3) that a graph of a single operator needs.
 */

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly (readonly number[])[];
  readonly output: readonly number[];
  /** Integers are written as INT, `{ float }` as FLOAT. */
  /** Further inputs after the f32 ones: lists of int64. */
  readonly constants?: readonly (readonly number[])[];
  readonly attributes?: Readonly<Record<string, number | { readonly float: number }>>;
}

/** A model in opset 23 that applies one f32 operator to inputs `x0`, `x1`, … and gives `y`. */
export function onnxModel({
  operator,
  inputs,
  output,
  constants = [],
  attributes = {},
}: OnnxNode): Uint8Array {
  const names = inputs.map((_, i) => `x${i}`);
  const node = [
    ...names.flatMap((name) => text(1, name)),
    ...constants.flatMap((_, i) => text(1, `c${i}`)),
    ...text(2, "y"),
    ...text(4, operator),
    ...Object.entries(attributes).flatMap(([name, value]) => bytes(5, attribute(name, value))),
  ];
  const graph = [
    ...bytes(1, node),
    ...text(2, operator),
    ...constants.flatMap((values, i) => bytes(5, initializer(`c${i}`, values))),
    ...inputs.flatMap((shape, i) => bytes(11, valueInfo(names[i]!, shape))),
    ...bytes(12, valueInfo("y", output)),
  ];
  const opset = [...text(1, ""), ...integer(2, 23)];
  return Uint8Array.from([...integer(1, 11), ...bytes(7, graph), ...bytes(8, opset)]);
}

const floatType = 1;
const attributeTypes = { float: 1, integer: 2 };

function attribute(name: string, value: number | { readonly float: number }): number[] {
  if (typeof value === "number") {
    return [...text(1, name), ...integer(3, value), ...integer(20, attributeTypes.integer)];
  }
  const float = new Uint8Array(Float32Array.of(value.float).buffer);
  return [...text(1, name), ...varint((2 << 3) | 5), ...float, ...integer(20, attributeTypes.float)];
}

const int64Type = 7;

const initializer = (name: string, values: readonly number[]): number[] => [
  ...integer(1, values.length),
  ...integer(2, int64Type),
  ...values.flatMap((value) => integer(7, value)),
  ...text(8, name),
];

const valueInfo = (name: string, shape: readonly number[]): number[] => {
  const dims = shape.flatMap((dim) => bytes(1, integer(1, dim)));
  const tensor = [...integer(1, floatType), ...bytes(2, dims)];
  return [...text(1, name), ...bytes(2, bytes(1, tensor))];
};

/** A field with a varint; negative numbers take ten bytes as int64 do. */
const integer = (field: number, value: number): number[] => [...varint(field << 3), ...varint(value)];

const bytes = (field: number, content: readonly number[]): number[] => [
  ...varint((field << 3) | 2),
  ...varint(content.length),
  ...content,
];

const text = (field: number, value: string): number[] => bytes(field, [...new TextEncoder().encode(value)]);

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return out;
}
