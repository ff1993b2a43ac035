import type { WeightDType } from "@denoise-rotator/checkpoint";
import {
  type CalibrationState,
  loadExit,
  removeOtherPositions,
  savePosition,
  startStreams,
} from "./calibration-state.js";
import type { LoadedBlock } from "./loaded-block.js";
import type { Model } from "./model.js";
import { ModelOutput } from "./output/model-output.js";
import type { SitePacking } from "./output/output-config.js";
import { ReadAhead } from "./read-ahead.js";
import { checkWindows } from "./windows.js";

export interface CalibrateOptions {
  /** Directory to write the changed model to; without it nothing is written. */
  readonly out?: string;
  /** Replace what is at `out`; default false. */
  readonly force?: boolean;
  /** How weights are stored; default each as it was. Changes of basis between blocks are f32 always. */
  readonly dtype?: WeightDType;
  /**
   * Whether blocks, or which of them, may get residual bases and output maps, so that the output has changes of basis
   * between blocks and is no ordinary checkpoint of its family; tied embeddings stay tied where neither the first nor the
   * last block may. `shared`: all blocks get one and the same residual basis, which embedding and head take in, so that the
   * output is an ordinary checkpoint. The files are laid out before the first block: say it beforehand. Default false.
   */
  readonly rotated?: boolean | "shared" | ((index: number) => boolean);
  /**
   * Runs the dense model beside, so that blocks can be matched to it: its activations are kept on the host too. What
   * is pruned calls `trackDense` before, which keeps the block's dense weights until the next block; a block that does
   * not counts as dense however it is changed. Default false.
   */
  readonly dense?: boolean;
  /** Blocks that are run and written but not yielded. */
  readonly skip?: (index: number) => boolean;
  readonly signal?: AbortSignal;
  /**
   * Which sites' weights are written packed, kept values and positions (`docs/packed-format.md`); they must have the pattern
   * when the block is written. Default none.
   */
  readonly packed?: SitePacking;
  /**
   * Keeps the pass on disk after every block, so that a later call with the same model, windows and options goes on where
   * this one ended, by whatever death. `out` is then a folder that exists and is filled in place: it is the caller's to tell
   * complete from incomplete, and to remove.
   */
  readonly state?: CalibrationState;
  /** Inputs of a site above which its statistics are summed in passes of their own, to hold less; default 8192. */
  readonly largeInputs?: number;
  /** Most bytes of one file of weights; default 5 · 10⁹. */
  readonly maxShardBytes?: number;
}

/**
 * Goes through a model block by block over calibration windows of one length. Each block comes with the calibration
 * inputs that the blocks before it, as changed, produce: fold, capture, rotate and prune it in the loop's body. When
 * the loop goes on, the block is written to `out`, run for its outputs and freed: do not keep it. After the last one
 * `out` is put into place. Leaving the loop early, an error or `signal` removes what was written.
 *
 * @throws OptionError for windows that do not fit the model; {@link HubError} where `out` cannot be written;
 *   NonFiniteError naming block and window.
 */
export async function* calibrate(
  model: Model,
  windows: readonly Int32Array[],
  options: CalibrateOptions = {},
): AsyncGenerator<LoadedBlock, void, undefined> {
  const { out, signal, skip, rotated = false, dense = false, state } = options;
  signal?.throwIfAborted();
  checkWindows(windows, model);
  const { layerCount } = model.config;
  const first = state?.next ?? 0;
  const exit = state && first > 0 ? await loadExit(state, model.device) : undefined;
  await using output =
    out === undefined
      ? undefined
      : await ModelOutput.create(model, out, {
          ...options,
          rotated: typeof rotated === "boolean" ? () => rotated : rotated,
          ...(state ? { kept: { written: state.written, exit } } : {}),
        });
  if (first < layerCount) {
    using streams = await startStreams(model, windows, dense, state);
    const { inputs, denseInputs } = streams;
    await using ahead = new ReadAhead(model.checkpoint);
    for (let index = first; index < layerCount; index++) {
      signal?.throwIfAborted();
      using block = await model.loadBlock(index, {
        inputs,
        denseInputs,
        signal,
        largeInputs: options.largeInputs,
      });
      ahead.start(model.tensorsAfter(index));
      if (!skip?.(index)) yield block;
      signal?.throwIfAborted();
      await output?.writeBlock(block);
      const last = index + 1 === layerCount;
      if (!last) await block.run(inputs, signal);
      if (!last && denseInputs) await block.runDense(denseInputs, signal);
      if (!state) continue;
      await savePosition(state.folder, index + 1, last ? undefined : streams, output?.exit);
      await output?.sync();
      await state.finished(index, output?.written ?? []);
      await removeOtherPositions(state.folder, index + 1);
    }
  }
  await output?.finish();
}
