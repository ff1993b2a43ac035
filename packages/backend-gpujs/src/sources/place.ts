import type { KernelSource } from "./kernel-source.js";
import { integers } from "./kernel-source.js";
import { division } from "./positions.js";

/** What is there, element by element. */
export const identitySource: KernelSource = {
  name: "identity",
  arguments: { x: "array" },
  functions: [],
  body: "return x[this.thread.x];",
};

/** `size`, negated where `negative` is 1: WebGL2 uniforms do not tell −0 from 0. */
export const fillSource: KernelSource = {
  name: "fill",
  arguments: { size: "float", negative: "float" },
  functions: [],
  body: "if (negative > 0.5) { return -size; } return size;",
};

/** The arguments of {@link fillSource} for a value. */
export const fillArguments = (value: number) => ({
  size: Math.abs(value),
  negative: Number(value < 0 || Object.is(value, -0)),
});

/**
 * `old` with elements of `x` in a window of `rank` axes, whose strides are given from the largest to the smallest: what
 * lies at a position is found by dividing what is left of it by one stride after the other. Stride i is at least as long
 * as all that the axes after it span. `xStart` and `step{i}` say where x's are.
 */
export function placeSource(rank: number): KernelSource {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return {
    name: `place/${rank}`,
    arguments: {
      old: "array",
      x: "array",
      start: "integer",
      xStart: "integer",
      ...Object.fromEntries(
        axes.flatMap((i) => [
          [`dim${i}`, "integer" as const],
          [`stride${i}`, "integer" as const],
          [`step${i}`, "integer" as const],
        ]),
      ),
    },
    functions: division,
    body: `
      ${integers("rest", "at", "digit")}
      rest = this.thread.x - start;
      at = xStart;
      if (rest < 0) { return old[this.thread.x]; }
      ${axes
        .map(
          (i) => `
      digit = quotient(rest, stride${i});
      if (digit >= dim${i}) { return old[this.thread.x]; }
      rest = rest - digit * stride${i};
      at = at + digit * step${i};`,
        )
        .join("")}
      if (rest > 0) { return old[this.thread.x]; }
      return x[at];`,
  };
}
