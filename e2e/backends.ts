import { deferredBackend } from "@denoise-rotator/backend-testkit";
import { wasm } from "@denoise-rotator/backend-wasm";
import type { Backend } from "@denoise-rotator/core";
import { describe } from "vitest";

/** A backend that the suites of this folder run on. */
export interface TestedBackend {
  readonly name: string;
  /** Computes on a software adapter or on the host: suites do less there, so as to take seconds. */
  readonly slow: boolean;
  open(): Promise<Backend>;
}

const testedBackends: readonly TestedBackend[] = [
  { name: "wasm", slow: false, open: wasm },
  // What no backend may demand of algorithms beyond the contract.
  { name: "deferred wasm", slow: true, open: async () => deferredBackend(await wasm()) },
];

/** Declares a suite for every backend there is; those that cannot run here are skipped, with the reason in the name. */
export function describeOnBackends(title: string, body: (tested: TestedBackend) => void): void {
  for (const tested of testedBackends) describe(`${title} on ${tested.name}`, () => body(tested));
}
