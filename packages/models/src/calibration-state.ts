import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createSafetensors, openSafetensors } from "@denoise-rotator/checkpoint";
import { type Backend, fromTyped, type Tensor } from "@denoise-rotator/core";
import { fileSource } from "@denoise-rotator/hub";
import { type Activations, readFloats } from "./activations.js";
import type { Model } from "./model.js";

/** What `calibrate` keeps of a pass so that a later process goes on after the last finished block, to the same bytes. */
export interface CalibrationState {
  /** Folder that exists; it takes the activations of the block to come, exactly as they are, and little else. */
  readonly folder: string;
  /** Blocks finished before. */
  readonly next: number;
  /** Tensors of `out` written with them. */
  readonly written: readonly string[];
  /**
   * Block `index` is done, and what is needed to go on is on the disk. Once this has resolved, what the block before needed is
   * removed: remember `index` and `written` durably.
   */
  finished(index: number, written: readonly string[]): Promise<void>;
}

/** What goes through the blocks. */
export interface CalibrationStreams extends Disposable {
  readonly inputs: Activations;
  readonly denseInputs: Activations | undefined;
}

type Part = "inputs" | "dense" | "exit";
const fileOf = (folder: string, next: number, part: Part) => join(folder, `${next}.${part}.safetensors`);

/** Writes what block `next` needs; `streams` is `undefined` after the last one. */
export async function savePosition(
  folder: string,
  next: number,
  streams: CalibrationStreams | undefined,
  exit: Tensor | undefined,
): Promise<void> {
  await streams?.inputs.save(fileOf(folder, next, "inputs"));
  await streams?.denseInputs?.save(fileOf(folder, next, "dense"));
  if (!exit) return;
  const entry = { name: "exit", dtype: "f32" as const, shape: exit.shape };
  await using writer = await createSafetensors(fileOf(folder, next, "exit"), [entry]);
  await writer.write("exit", await readFloats(exit));
  await writer.finish();
}

/** What comes into block `state.next`, as {@link savePosition} wrote it, or into the first one. */
export async function startStreams(
  model: Model,
  windows: readonly Int32Array[],
  dense: boolean,
  state: CalibrationState | undefined,
): Promise<CalibrationStreams> {
  const load = (part: Part) => model.loadActivations(fileOf(state!.folder, state!.next, part));
  const kept = state !== undefined && state.next > 0;
  const inputs = kept ? await load("inputs") : await model.embedWindows(windows);
  const denseInputs = dense ? await (kept ? load("dense") : inputs.fork()) : undefined;
  return {
    inputs,
    denseInputs,
    [Symbol.dispose]() {
      inputs.dispose();
      denseInputs?.dispose();
    },
  };
}

/** V·R of the block before `next`, if it had one. The caller disposes. */
export async function loadExit(
  { folder, next }: CalibrationState,
  device: Backend,
): Promise<Tensor | undefined> {
  const path = fileOf(folder, next, "exit");
  if (!(await readdir(folder)).includes(`${next}.exit.safetensors`)) return undefined;
  await using file = await openSafetensors(await fileSource(path));
  return fromTyped(await file.readFloat32("exit"), file.info("exit").shape, "f32", device);
}

/** Removes what other blocks than `next` needed. */
export async function removeOtherPositions(folder: string, next: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${next}.`)) await rm(join(folder, name), { force: true });
  }
}
