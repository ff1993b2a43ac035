import { fromTyped, OptionError, type Tensor } from "@denoise-rotator/core";
import { disposeAll } from "../tensors.js";
import type { Run, RunIdentity } from "./descend.js";
import type { HostArray, SolverState } from "./solver.js";

const hostArray = async (x: Tensor): Promise<HostArray> => ({
  shape: [...x.shape],
  dtype: x.dtype,
  data: await x.read(),
});
const hostArrays = (tensors: readonly Tensor[]) => Promise.all(tensors.map(hostArray));

/** Copies a run to the host. */
export async function exportState(run: Run, { solver, settings }: RunIdentity): Promise<SolverState> {
  const names = Object.keys(run.tensors);
  const arrays = await Promise.all(names.map((name) => hostArrays(run.tensors[name]!)));
  return {
    version: 1,
    solver,
    settings,
    step: run.step,
    trace: [...run.trace],
    exactFrom: run.exactFrom,
    best: Number.isFinite(run.best.value)
      ? { value: run.best.value, points: await hostArrays(run.best.points) }
      : undefined,
    tensors: Object.fromEntries(names.map((name, i) => [name, arrays[i]!])),
  };
}

/** The run of a checkpoint, on the backend of `start`. Throws OptionError where it belongs to another run. */
export function importState(state: SolverState, identity: RunIdentity, start: readonly Tensor[]): Run {
  checkIdentity(state, identity, start);
  const made: Tensor[] = [];
  const place = ({ shape, dtype, data }: HostArray): Tensor => {
    const tensor = fromTyped(data, shape, dtype, start[0]!.backend);
    made.push(tensor);
    return tensor;
  };
  try {
    const tensors = Object.fromEntries(
      Object.entries(state.tensors).map(([name, arrays]) => [name, arrays.map(place)]),
    );
    const best = state.best
      ? { value: state.best.value, points: state.best.points.map(place) }
      : { value: Number.POSITIVE_INFINITY, points: [] };
    return { tensors, best, trace: [...state.trace], exactFrom: state.exactFrom, step: state.step };
  } catch (error) {
    disposeAll(made);
    throw error;
  }
}

function checkIdentity(state: SolverState, identity: RunIdentity, start: readonly Tensor[]): void {
  const { solver, settings } = identity;
  if (state.version !== 1) throw new OptionError(`the checkpoint has version ${state.version}, not 1`);
  if (state.solver !== solver) {
    throw new OptionError(
      `the checkpoint is one of ${state.solver}; resume it with that, not with ${solver}`,
    );
  }
  for (const name of new Set([...Object.keys(settings), ...Object.keys(state.settings)])) {
    if (settings[name] === state.settings[name]) continue;
    throw new OptionError(
      `the checkpoint was made with ${name} ${state.settings[name]}, this run has ${settings[name]}`,
    );
  }
  const shapes = Object.values(state.tensors).map((arrays) => arrays.length);
  if (shapes.some((count) => count !== start.length) || state.trace.length !== state.step + 1) {
    throw new OptionError(`the checkpoint does not belong to ${start.length} points`);
  }
}
