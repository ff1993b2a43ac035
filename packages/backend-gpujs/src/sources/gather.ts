import type { KernelSource } from "./kernel-source.js";
import { integers } from "./kernel-source.js";
import { division, walk } from "./positions.js";

/** Slices of x at `indices` (floats, −1 where outside): result `[outer…, indices, inner…]`, `missing` where outside. */
export function gatherSource(outer: number, inner: number): KernelSource {
  const before = walk(outer, ["o"], "block", "o");
  const after = walk(inner, ["i"], "offset", "i");
  return {
    name: `gather/${outer},${inner}`,
    arguments: {
      x: "array",
      indices: "array",
      count: "integer",
      slice: "integer",
      along: "integer",
      missing: "float",
      ...before.arguments,
      ...after.arguments,
    },
    functions: division,
    body: `
      ${integers("line", "offset", "block", "which", "at")}
      line = quotient(this.thread.x, slice);
      offset = this.thread.x - line * slice;
      block = quotient(line, count);
      which = line - block * count;
      at = whole(indices[which]);
      if (at < 0) { return missing; }
      ${before.code}
      ${after.code}
      return x[oAt + iAt + at * along];`,
  };
}
