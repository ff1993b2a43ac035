import { rm, stat } from "node:fs/promises";
import type { SolverState, StepInfo } from "@denoise-rotator/manifold";
import type { RunState } from "./run-state.js";
import { readSolverState, writeSolverState } from "./solver-file.js";

/** Saving takes at most about this share of the time. */
const savingShare = 0.1;

/** The state of a solver that runs long, saved now and then, so that a later attempt goes on from it. */
export interface SolverCheckpoint {
  /** Where an earlier attempt was. */
  readonly resume: SolverState | undefined;
  save(info: StepInfo): Promise<void>;
  /** What it led to is kept elsewhere. */
  remove(): Promise<void>;
}

/** `undefined` where the run keeps nothing. */
export async function solverCheckpoint(state: RunState, name: string): Promise<SolverCheckpoint | undefined> {
  if (!state.isKept) return undefined;
  const path = state.path(`${name}.safetensors`);
  const there = await stat(path).catch(() => undefined);
  let [saved, cost] = [performance.now(), 0];
  return {
    resume: there ? await readSolverState(path) : undefined,
    async save(info) {
      const start = performance.now();
      if (start - saved < cost / savingShare) return;
      await writeSolverState(path, await info.checkpoint());
      saved = performance.now();
      cost = saved - start;
    },
    remove: () => rm(path, { force: true }),
  };
}
