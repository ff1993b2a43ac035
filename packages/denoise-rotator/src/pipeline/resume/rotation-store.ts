import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { RotationArrays } from "@denoise-rotator/rotator";
import type { RotationReport } from "../context.js";
import { loadRotations, saveRotations } from "../rotation-file.js";
import type { RunState } from "./run-state.js";

/** The rotations a run has learned, where they are needed later; with an output on disk, so that none is learned twice. */
export class RotationStore {
  /** By block index. */
  readonly all = new Map<number, RotationArrays>();
  /** What was found out about them. */
  readonly reports: Map<number, RotationReport>;
  readonly #state: RunState;

  private constructor(state: RunState, reports: Map<number, RotationReport>) {
    this.#state = state;
    this.reports = reports;
  }

  /** With what earlier attempts learned; its reports are added to `reports`. */
  static async open(state: RunState, reports: Map<number, RotationReport>): Promise<RotationStore> {
    const store = new RotationStore(state, reports);
    for (const { index, report } of state.all("rotation")) {
      store.all.set(index, (await loadRotations(store.#file(index))).get(index)!);
      if (report) reports.set(index, report);
    }
    return store;
  }

  /** Keeps the rotation of a block, with what is in `reports` of it. */
  async keep(index: number, arrays: RotationArrays): Promise<void> {
    if (this.all.has(index)) return;
    this.all.set(index, arrays);
    if (!this.#state.isKept) return;
    await mkdir(this.#state.path("rotations"), { recursive: true });
    await saveRotations(this.#file(index), new Map([[index, arrays]]));
    await this.#state.remember({ kind: "rotation", index, report: this.reports.get(index) ?? null });
  }

  #file(index: number): string {
    return this.#state.path(join("rotations", `${index}.safetensors`));
  }
}
