import { type Operand, sizeOf } from "@denoise-rotator/core";
import { type Binding, foldWorkgroups, type Names } from "../engine/dispatch.js";
import type { Engine } from "../engine/engine.js";
import type { Params } from "../engine/params.js";
import { adapterKind } from "../matmul/preferences.js";
import { workgroupSize } from "../wgsl/elements.js";
import { forEachPart, locate, mergeAxes, rankClass, windowParams } from "../wgsl/windows.js";

/** Columns up to which a row is one invocation's. */
const shortRow = 96;

export interface RowKernel {
  readonly op: string;
  /** What `code` depends on. */
  readonly key: string;
  /** Operands whose leading axes are `lead`; their further axes are the kernel's business. Positions: `p.NAME`. */
  readonly rows: Readonly<Record<string, Operand>>;
  /** Bindings besides. */
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly params: Params;
  readonly lead: readonly number[];
  readonly columns: number;
  /** Whether a row is one invocation's. Default: by `columns`. */
  readonly single?: boolean;
  /** Operations for each element. Default 8. */
  readonly cost?: number;
  /**
   * WGSL: functions, and the body of `main`, which has `row`, `p`, `lane` and `lanes` and may call `total(f32)` and
   * `largest(i32)`, the sum and the maximum over a row's lanes.
   */
  code(names: Names): { readonly functions: string; readonly main: string };
}

/** Software adapters spend more on barriers than on a whole row, while there are rows for all their lanes. */
const isSingle = (engine: Engine, rows: number, columns: number): boolean =>
  columns <= shortRow || (adapterKind(engine) !== "gpu" && rows >= 32 && columns <= 4096);

/**
 * Runs a kernel over rows: a workgroup of 64 for each long one, an invocation for each short one. Sums are added up in a
 * fixed order.
 */
export function forEachRow(engine: Engine, kernel: RowKernel): void {
  const { op, key, rows, bindings, lead, columns, cost = 8 } = kernel;
  const single = kernel.single ?? isSingle(engine, sizeOf(lead), columns);
  const names = Object.keys(rows);
  const windows = mergeAxes(
    Object.values(rows).map(({ strides, offset }) => ({
      shape: lead,
      strides: strides.slice(0, lead.length),
      offset,
    })),
  );
  let first = 0;
  forEachPart(windows, (part) => {
    const count = sizeOf(part.shape);
    const rank = rankClass(part);
    if (count === 0) return;
    engine.dispatch({
      op,
      key: `${key} ${rank} ${single}`,
      bindings: {
        ...Object.fromEntries(
          names.map((name) => [name, { buffer: rows[name]!.buffer, access: "read" } as const]),
        ),
        ...bindings,
      },
      params: { ...windowParams(names, part), ...kernel.params, count, columns, first },
      workgroups: foldWorkgroups(single ? Math.ceil(count / workgroupSize) : count),
      work: cost * count * columns,
      code: (variables) => {
        const { functions, main } = kernel.code(variables);
        return `${single ? alone : together}${locate(names, rank)}${functions}
@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let number = group.x + group.y * groups.x;
${
  single
    ? `  let index = number * ${workgroupSize}u + local;\n  let lane = 0u;`
    : "  let index = number;\n  let lane = local;"
}
  if (index >= params.count) { return; }
  let p = locate(index);
  let row = params.first + index;
${main}
}
`;
      },
    });
    first += count;
  });
}

const alone = /* wgsl */ `
const lanes = 1u;
fn total(value: f32, lane: u32) -> f32 { return value; }
fn largest(value: i32, lane: u32) -> i32 { return value; }
`;

/** 64 values by eights. */
const stage = (name: string, type: string, join: string) => /* wgsl */ `
var<workgroup> ${name}_all: array<${type}, ${workgroupSize}>;
var<workgroup> ${name}_eighths: array<${type}, 8>;
fn ${name}(value: ${type}, lane: u32) -> ${type} {
  ${name}_all[lane] = value;
  workgroupBarrier();
  if (lane < 8u) {
    var part = ${name}_all[lane * 8u];
    for (var i = 1u; i < 8u; i++) { let next = ${name}_all[lane * 8u + i]; part = ${join}; }
    ${name}_eighths[lane] = part;
  }
  workgroupBarrier();
  var part = ${name}_eighths[0];
  for (var i = 1u; i < 8u; i++) { let next = ${name}_eighths[i]; part = ${join}; }
  return part;
}
`;
const together = `
const lanes = ${workgroupSize}u;
${stage("total", "f32", "part + next")}${stage("largest", "i32", "max(part, next)")}`;
