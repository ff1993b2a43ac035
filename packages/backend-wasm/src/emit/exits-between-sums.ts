import { i32, type Local } from "../assembler/expressions.js";
import type { FunctionBuilder } from "../assembler/function-builder.js";

/**
 * A function to be called before each multiply-add: after every `every` of them it emits a never-taken exit from a loop that
 * counts `left` down to zero, which keeps older V8 from hoisting loads and spilling registers. Each has another condition,
 * since V8 drops what it has tested before.
 */
export function exitsBetweenSums(
  f: FunctionBuilder,
  exit: Parameters<FunctionBuilder["breakIf"]>[0],
  left: Local<"i32">,
  every: number,
): () => void {
  let done = 0;
  return () => {
    if (done > 0 && done % every === 0) f.breakIf(exit, i32.eq(left, -done));
    done++;
  };
}
