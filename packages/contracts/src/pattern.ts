import { OptionError, ShapeError } from "@denoise-rotator/core";

/**
 * Which weights may go: a share of all, or all but `keep` of every `of` consecutive inputs. With `rows`, every `rows`
 * consecutive outputs keep the same inputs.
 */
export type SparsityPattern =
  | { readonly kind: "unstructured"; readonly sparsity: number }
  | {
      readonly kind: "n:m";
      readonly keep: number;
      readonly of: number;
      /** Outputs that share their kept positions; default 1. */
      readonly rows?: number;
    };

/**
 * `"2:4"` (2 of every 4 consecutive input weights kept), `"2:4/32"` (the same 2 in each of 32 consecutive rows), or a sparsity
 * such as `0.5` or `"0.5"`: the share removed.
 *
 * @throws OptionError naming the value and what is allowed.
 */
export function parsePattern(value: string | number | SparsityPattern): SparsityPattern {
  if (typeof value === "object") return value;
  const text = String(value).trim();
  const match = /^(\d+):(\d+)(?:\/(\d+))?$/.exec(text);
  if (match) {
    const [keep, of, rows] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 1)];
    if (keep < 1 || keep >= of) {
      throw new OptionError(`sparsity ${text}: N:M keeps N of every M weights, 1 ≤ N < M, as in 2:4`);
    }
    if (rows < 1)
      throw new OptionError(`sparsity ${text}: N:M/R shares positions in R ≥ 1 rows, as in 2:4/32`);
    return rows === 1 ? { kind: "n:m", keep, of } : { kind: "n:m", keep, of, rows };
  }
  const sparsity = Number(text);
  if (text === "" || !(sparsity >= 0 && sparsity < 1)) {
    throw new OptionError(
      `sparsity ${text}: a share of weights in [0, 1), as 0.5, or N:M, as 2:4, or N:M/R, as 2:4/32`,
    );
  }
  return { kind: "unstructured", sparsity };
}

/** As {@link parsePattern} reads it. */
export function formatPattern(pattern: SparsityPattern): string {
  if (pattern.kind === "unstructured") return String(pattern.sparsity);
  const rows = sharedRows(pattern);
  return `${pattern.keep}:${pattern.of}${rows === 1 ? "" : `/${rows}`}`;
}

/** Share of weights the pattern removes. */
export const patternSparsity = (pattern: SparsityPattern): number =>
  pattern.kind === "n:m" ? 1 - pattern.keep / pattern.of : pattern.sparsity;

/** Consecutive outputs that keep the same inputs: 1 where each chooses for itself. */
export const sharedRows = (pattern: SparsityPattern): number =>
  pattern.kind === "n:m" ? (pattern.rows ?? 1) : 1;

/** Throws {@link ShapeError} naming `name` where a weight `[out, in]` cannot be divided as the pattern asks. */
export function checkPatternFits(
  pattern: SparsityPattern,
  [outputs, inputs]: readonly [outputs: number, inputs: number],
  name: string,
): void {
  if (pattern.kind !== "n:m") return;
  const rows = sharedRows(pattern);
  const advice = `choose another pattern than ${formatPattern(pattern)}, or skip the site`;
  if (inputs % pattern.of !== 0) {
    throw new ShapeError(`${name}: ${inputs} inputs are not divisible by ${pattern.of}; ${advice}`);
  }
  if (outputs % rows !== 0) {
    throw new ShapeError(`${name}: ${outputs} outputs are not divisible by ${rows}; ${advice}`);
  }
}
