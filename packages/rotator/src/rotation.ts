import { type DecoderBlock, type RotationPair, siteOf } from "@denoise-rotator/contracts";
import { type Backend, type CreationOptions, eye, type Tensor, tidy } from "@denoise-rotator/core";
import type { SolverResult } from "@denoise-rotator/manifold";
import type { SiteReport } from "./report.js";

/** R1 `[hidden, hidden]` and R2 `[keyValueCount, dim, dim]` that the holder disposes of. */
export interface OwnedRotation extends RotationPair {
  dispose(): void;
  [Symbol.dispose](): void;
}

/** What the solver reached on the objective; lower is better. */
export interface ObjectiveReport {
  /** `direct 2:4`, `entropy`, … */
  readonly name: string;
  /** Value without rotation (R1 = R2 = I). */
  readonly unrotated: number;
  /** Value at the solver's starting point. */
  readonly start: number;
  /** Lowest value seen: that of the rotation returned. */
  readonly best: number;
  readonly steps: number;
  /** Why the solver ended. */
  readonly stopped: SolverResult["stopped"];
  /** Most bytes on the backend while learning, the block's own included; `null` where the backend does not count. */
  readonly peakBytes: number | null;
  /** Value at every step. */
  readonly trace: readonly number[];
}

/** The report of a solver's run on the objective `name`. */
export function objectiveReport(
  name: string,
  unrotated: number,
  { start, best, steps, stopped, trace }: SolverResult,
  capabilities: Backend["capabilities"],
): ObjectiveReport {
  const peakBytes = capabilities.peakBytes?.() ?? null;
  return { name, unrotated, start, best, steps, stopped, peakBytes, trace };
}

/** A learned rotation of one block, with what it did to the objective and to each site. */
export interface Rotation extends OwnedRotation {
  readonly objective: ObjectiveReport;
  readonly sites: readonly SiteReport[];
}

/** Joins a pair of rotations with the duty to dispose of it. */
export function ownRotation<T extends object>(R1: Tensor, R2: Tensor, rest: T): OwnedRotation & T {
  const dispose = () => {
    R1.dispose();
    R2.dispose();
  };
  return { ...rest, R1, R2, dispose, [Symbol.dispose]: dispose };
}

/** Dtype and backend of the block's weights: where its rotation lives. */
export function placement(block: DecoderBlock): Required<CreationOptions> {
  const { dtype, backend } = siteOf(block, "qProj").weight;
  return { dtype, backend };
}

/** The rotation that changes nothing: R1 = I, R2 = I for every key/value head. */
export function identityRotation(block: DecoderBlock): OwnedRotation {
  const { keyValueCount, dim } = block.heads;
  const options = placement(block);
  const [R1, R2] = tidy(() => [
    eye(block.hiddenSize, options),
    eye(dim, options).expand([keyValueCount, dim, dim]).contiguous(),
  ]) as [Tensor, Tensor];
  return ownRotation(R1, R2, {});
}
