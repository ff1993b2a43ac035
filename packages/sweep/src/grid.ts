import type { Setting, Settings } from "./job.js";

/** Settings to combine. `null` takes an option away. */
export interface Grid {
  readonly fixed: Readonly<Record<string, Setting | null>>;
  /** Names and their values; the last one varies fastest. */
  readonly axes: readonly (readonly [string, readonly Setting[]])[];
  /** Further runs, on top of `fixed`. */
  readonly include: readonly Readonly<Record<string, Setting | null>>[];
  /** A combination that has one of the values of every name is left out. */
  readonly exclude: readonly Readonly<Record<string, readonly Setting[]>>[];
}

/** The settings of every run, in the order of the axes; then those included. */
export function expandGrid({ fixed, axes, include, exclude }: Grid): Settings[] {
  let combinations: Record<string, Setting | null>[] = [{}];
  for (const [name, values] of axes) {
    combinations = combinations.flatMap((before) => values.map((value) => ({ ...before, [name]: value })));
  }
  const excluded = (settings: Settings) =>
    exclude.some((each) =>
      Object.entries(each).every(([name, values]) => values.some((value) => settings[name] === value)),
    );
  const gridded = combinations.map((each) => given({ ...fixed, ...each })).filter((each) => !excluded(each));
  return [...gridded, ...include.map((each) => given({ ...fixed, ...each }))];
}

const given = (settings: Readonly<Record<string, Setting | null>>): Settings =>
  Object.fromEntries(Object.entries(settings).filter((pair): pair is [string, Setting] => pair[1] !== null));
