import { type DType, isContiguous, type Operand } from "@denoise-rotator/core";
import type { Engine } from "../engine/engine.js";
import { copyOperand } from "./copy.js";
import { Scratch } from "./scratch.js";

/** Scratch memory and copies of operands in the layout a kernel needs. */
export class Temporaries extends Scratch {
  /** A contiguous copy, of another dtype if asked. */
  copy(x: Operand, dtype: DType = x.dtype): Operand {
    const out = this.operand(dtype, x.shape);
    copyOperand(this.engine, x, out);
    return out;
  }

  /** `x` itself where it is contiguous, else a copy. */
  contiguous(x: Operand): Operand {
    return isContiguous(x.shape, x.strides) ? x : this.copy(x);
  }

  /** `x` itself where its last axis has unit stride, else a copy. */
  withUnitColumns(x: Operand): Operand {
    const last = x.shape.length - 1;
    return last < 0 || x.shape[last]! <= 1 || x.strides[last] === 1 ? x : this.copy(x);
  }
}

/** Runs `body` and frees the temporaries it took. */
export function withTemporaries<T>(engine: Engine, body: (temporaries: Temporaries) => T): T {
  const temporaries = new Temporaries(engine);
  try {
    return body(temporaries);
  } finally {
    temporaries.release();
  }
}
