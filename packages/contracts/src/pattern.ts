import { OptionError, ShapeError } from "@denoise-rotator/core";

/** Which weights may go: a share of all, or all but `keep` of every `of` consecutive inputs. */
export type SparsityPattern =
  | { readonly kind: "unstructured"; readonly sparsity: number }
  | { readonly kind: "n:m"; readonly keep: number; readonly of: number };

/**
 * `"2:4"` (2 of every 4 consecutive input weights kept), or a sparsity such as `0.5` or `"0.5"`: the share removed.
 *
 * @throws OptionError naming the value and what is allowed.
 */
export function parsePattern(value: string | number | SparsityPattern): SparsityPattern {
  if (typeof value === "object") return value;
  const text = String(value).trim();
  const match = /^(\d+):(\d+)$/.exec(text);
  if (match) {
    const [keep, of] = [Number(match[1]), Number(match[2])];
    if (keep < 1 || keep >= of) {
      throw new OptionError(`sparsity ${text}: N:M keeps N of every M weights, 1 ≤ N < M, as in 2:4`);
    }
    return { kind: "n:m", keep, of };
  }
  const sparsity = Number(text);
  if (text === "" || !(sparsity >= 0 && sparsity < 1)) {
    throw new OptionError(`sparsity ${text}: a share of weights in [0, 1), as 0.5, or N:M, as 2:4`);
  }
  return { kind: "unstructured", sparsity };
}

export const formatPattern = (pattern: SparsityPattern): string =>
  pattern.kind === "n:m" ? `${pattern.keep}:${pattern.of}` : String(pattern.sparsity);

/** Share of weights the pattern removes. */
export const patternSparsity = (pattern: SparsityPattern): number =>
  pattern.kind === "n:m" ? 1 - pattern.keep / pattern.of : pattern.sparsity;

/** Throws {@link ShapeError} naming `name` where M does not divide the input dimension. */
export function checkPatternFits(pattern: SparsityPattern, inputs: number, name: string): void {
  if (pattern.kind === "n:m" && inputs % pattern.of !== 0) {
    throw new ShapeError(
      `${name}: ${inputs} inputs are not divisible by ${pattern.of}; choose another pattern than ${formatPattern(pattern)}, or skip the site`,
    );
  }
}
