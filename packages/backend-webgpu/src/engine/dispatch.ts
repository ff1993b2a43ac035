import type { DeviceBuffer } from "@denoise-rotator/core";
import type { Params } from "./params.js";

/** One storage buffer of a kernel. Default type: `array<u32>`. */
export interface Binding {
  readonly buffer: DeviceBuffer;
  readonly access: "read" | "read_write";
  readonly type?: string;
}

/**
 * What the buffers are called in a kernel's code. Two bindings to one buffer share a variable: WebGPU forbids a buffer
 * that is written to be bound twice, and operands are often windows onto one buffer.
 */
export type Names = Readonly<Record<string, string>>;

export interface Dispatch {
  /** Name in errors and profiles: the operation's. */
  readonly op: string;
  /** Everything that `code` depends on, except which bindings share a buffer. */
  readonly key: string;
  /** Extension of WGSL that `code` uses. */
  readonly enable?: "f16";
  /** WGSL with an entry point `main`; bindings (by their `names`) and `params` are declared before it. */
  code(names: Names): string;
  readonly bindings: Readonly<Record<string, Binding>>;
  /** Scalars and lists of at most 8, read as `params.name`; lists as `array<vec4<u32>, 2>` by `item(params.name, i)`. */
  readonly params: Params;
  readonly workgroups: readonly [number, number, number];
  /** Roughly how many operations it takes, for the size of batches. Default 0. */
  readonly work?: number;
}

/** Most workgroups along one axis, by WebGPU's default limit. */
export const maxWorkgroups = 65535;

/**
 * A grid of at least `count` workgroups, folded into two axes where one does not reach. The kernel numbers them by
 * `group.x + group.y * groups.x` (`groups` being `num_workgroups`) and leaves out those past the end.
 */
export function foldWorkgroups(count: number): [number, number, number] {
  if (count <= maxWorkgroups) return [count, 1, 1];
  const rows = Math.ceil(count / maxWorkgroups);
  return [Math.ceil(count / rows), rows, 1];
}
