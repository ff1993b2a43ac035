import type { ReduceOp } from "@denoise-rotator/core";
import type { KernelSource } from "./kernel-source.js";
import { integers } from "./kernel-source.js";
import { division, walk } from "./positions.js";

interface Fold {
  /** The value of nothing, an infinity as the argument `inf`. */
  readonly start: string;
  /** Statements that fold `v` into `total`; NaN, once in `bad`, is the result. */
  readonly step: string;
}

const extremum = (sign: "<" | ">", start: string): Fold => ({
  start,
  step: `if (!(v === v)) { bad = v; spoilt = 1; } if (v ${sign} total) { total = v; }`,
});

const folds: Record<ReduceOp, Fold> = {
  sum: { start: "0", step: "total = total + v;" },
  max: extremum(">", "-inf"),
  min: extremum("<", "inf"),
  any: { start: "0", step: "if (!(v === 0)) { total = 1; }" },
  all: { start: "1", step: "if (v === 0) { total = 0; }" },
};

const begin = ({ start }: Fold) => `
  let total = 0; let bad = 0; let spoilt = 0;
  total = ${start};`;
const end = "if (spoilt > 0.5) { return bad; } return total;";

/**
 * Reduces `inner` axes of a strided operand for each element of its `outer` ones. Element p of `parts` of a result takes
 * every `parts`-th of the `count` elements from p on: a few results of much are made in two steps, the first of which
 * gives many parts.
 */
export function reduceSource(op: ReduceOp, outer: number, inner: number): KernelSource {
  const kept = walk(outer, ["k"], "index", "k");
  const gone = walk(inner, ["r"], "at", "r");
  return {
    name: `reduce ${op}/${outer},${inner}`,
    arguments: {
      x: "array",
      count: "integer",
      parts: "integer",
      turns: "integer",
      ...kept.arguments,
      ...gone.arguments,
      inf: "float",
    },
    functions: division,
    body: `
      ${integers("index", "part", "at", "place")}
      index = quotient(this.thread.x, parts);
      part = this.thread.x - index * parts;
      ${kept.code}
      ${begin(folds[op])}
      for (let turn = 0; turn < turns; turn++) {
        at = part + turn * parts;
        if (at < count) {
          ${gone.code}
          place = kAt + rAt;
          let v = x[place];
          ${folds[op].step}
        }
      }
      ${end}`,
  };
}
