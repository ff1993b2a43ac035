import { OptionError, suggest } from "@denoise-rotator/core";
import { type AdmmOptions, admm } from "./admm.js";
import { none } from "./none.js";
import type { Pruner, PrunerOptions } from "./pruner.js";
import { magnitude, wanda } from "./score-pruner.js";
import { type SparseGptOptions, sparsegpt } from "./sparsegpt.js";

/** Makes a pruner from options; it ignores those that are not its own. */
export type PrunerFactory = (options: PrunerOptions & Readonly<Record<string, unknown>>) => Pruner;

const factories = new Map<string, PrunerFactory>([
  ["magnitude", magnitude],
  ["wanda", wanda],
  ["sparsegpt", (options) => sparsegpt(options as SparseGptOptions)],
  ["admm", (options) => admm(options as AdmmOptions)],
  ["none", none],
]);

/** Names that {@link createPruner} knows. */
export const prunerNames = (): string[] => [...factories.keys()];

/** Makes `createPruner(name)` call `factory`. Throws {@link OptionError} if the name is taken. */
export function registerPruner(name: string, factory: PrunerFactory): void {
  if (factories.has(name)) throw new OptionError(`pruner ${name} is registered already; choose another name`);
  factories.set(name, factory);
}

/** The pruner of that name. Throws {@link OptionError} that lists the names, with a guess at what was meant. */
export function createPruner(
  name: string,
  options: PrunerOptions & Readonly<Record<string, unknown>> = {},
): Pruner {
  const factory = factories.get(name);
  if (!factory) {
    const names = prunerNames();
    throw new OptionError(`pruner ${name} is unknown.${suggest(name, names)} There are: ${names.join(", ")}`);
  }
  return factory(options);
}
