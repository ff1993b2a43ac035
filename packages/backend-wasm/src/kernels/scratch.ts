import { byteWidth, contiguousStrides, type DType, type Operand } from "@denoise-rotator/core";
import type { Block } from "../engine/arena.js";
import type { Engine } from "../engine/engine.js";
import { elementCount } from "./iteration.js";

/** Address of an operand's first element. */
export const addressOf = (operand: Operand): number =>
  (operand.buffer as Block).address + operand.offset * byteWidth(operand.dtype);

/** Memory that lives as long as one kernel. */
export class Scratch {
  protected readonly engine: Engine;
  readonly #blocks: Block[] = [];

  constructor(engine: Engine) {
    this.engine = engine;
  }

  allocate(byteLength: number): Block {
    const block = this.engine.arena.allocate(byteLength);
    this.#blocks.push(block);
    return block;
  }

  /** A fresh contiguous operand with unspecified contents. */
  operand(dtype: DType, shape: readonly number[]): Operand {
    const buffer = this.allocate(elementCount(shape) * byteWidth(dtype));
    return { buffer, dtype, shape, strides: contiguousStrides(shape), offset: 0 };
  }

  release(): void {
    for (const block of this.#blocks) this.engine.arena.free(block);
    this.#blocks.length = 0;
  }
}
