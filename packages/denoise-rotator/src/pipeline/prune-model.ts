import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parsePattern } from "@denoise-rotator/contracts";
import { atomicWriteFile, OutputDirectory, snapshotCommit } from "@denoise-rotator/hub";
import { calibrate, type Model, type SitePacking, sampleWindows } from "@denoise-rotator/models";
import { createPruner, type Pruner } from "@denoise-rotator/pruners";
import { allocate } from "./allocate.js";
import { borrowBackend } from "./backends.js";
import { blockContext, type RunContext } from "./context.js";
import { evaluate } from "./evaluate.js";
import { fetchOptions } from "./fetch-options.js";
import { openNamedModel } from "./named-model.js";
import {
  needsDenseStream,
  type PruneOptions,
  type ResolvedOptions,
  resolveOptions,
  sameImportance,
} from "./options.js";
import { loadRotations, saveRotations } from "./rotation-file.js";
import { type BlockRecord, packageVersions, type RunRecord, runRecordVersion } from "./run-record.js";
import { sharedRotations } from "./shared-rotation.js";
import { parseSkip } from "./skip.js";
import { StageClock } from "./stage-clock.js";
import { blockStages } from "./stages.js";
import { tokensOf } from "./texts.js";
import { masksValid } from "./verify-masks.js";

/**
 * Rotates, prunes and evaluates a checkpoint, one block resident at a time, and writes the result with its `run.json`.
 * On an error or an abort nothing is left at `out`.
 */
export async function pruneModel(request: PruneOptions): Promise<RunRecord> {
  const started = performance.now();
  const backend = await borrowBackend(request.backend ?? "wasm", request);
  try {
    await using model = await openNamedModel(request.model, backend.device, fetchOptions(request));
    const { pruner: wanted = "sparsegpt" } = request;
    const pruner = typeof wanted === "object" ? wanted : createPruner(wanted, {});
    const { pattern, ...options } = resolveOptions(request, pruner, model.contextLength);
    const target = request.out ?? join(tmpdir(), `denoise-rotator-${process.pid}-${Math.round(started)}`);
    await using output = await OutputDirectory.create(target, { force: request.force ?? false });
    const abandon = () => output.abortSync();
    process.once("exit", abandon);
    try {
      const run = new PruneRun(model, { ...request, pruner, options, pattern }, output.workingPath);
      const record = await run.execute(started);
      await atomicWriteFile(output.path("run.json"), `${JSON.stringify(record, undefined, 2)}\n`);
      if (request.out !== undefined) await output.commit();
      return record;
    } finally {
      process.off("exit", abandon);
    }
  } finally {
    await backend.dispose();
  }
}

/** What is pruned is what can be packed. */
function sitePacking({ options, skip, pattern }: RunContext): SitePacking {
  return (index, role) => {
    const packs = options.format === "packed" && pattern.kind === "n:m" && !skip.site(index, role);
    return packs ? { keep: pattern.keep, of: pattern.of } : undefined;
  };
}

interface PruneRequest extends PruneOptions {
  readonly pruner: Pruner;
  readonly options: ResolvedOptions;
  readonly pattern: RunContext["pattern"];
}

/** One run: the state between its stages. */
class PruneRun {
  readonly #model: Model;
  readonly #request: PruneRequest;
  readonly #directory: string;
  readonly #clock = new StageClock();

  constructor(model: Model, request: PruneRequest, directory: string) {
    this.#model = model;
    this.#request = request;
    this.#directory = directory;
  }

  async execute(started: number): Promise<RunRecord> {
    const { options, pattern } = this.#request;
    const first = await this.#context();
    const windows = await this.#clock.measure("calibration text", () => this.#windows());
    const dense = this.#request.evaluate ? await this.#evaluate(this.#model, "evaluate dense") : undefined;
    const { context: rotated, objective: sharedRotation } = await this.#shared(first, windows);
    const context = await this.#allocated(rotated, windows);
    const blocks = await this.#blocks(context, windows);
    if (options.saveRotation !== null) await saveRotations(resolve(options.saveRotation), context.learned);

    await using written = await openNamedModel(this.#directory, this.#model.device);
    const layers = blocks.flatMap(({ sites }) => sites.map(({ name }) => name));
    const patterns = new Map(
      layers.map((name) => [name, parsePattern(context.shares?.get(name) ?? pattern)]),
    );
    const maskValid = await this.#clock.measure("verify", () => masksValid(written.checkpoint, patterns));
    const pruned = dense ? await this.#evaluate(written, "evaluate pruned") : undefined;
    const errors = blocks.flatMap(({ rotation }) => rotation?.invarianceError ?? []);
    const { name, capabilities } = this.#model.device;
    return {
      schemaVersion: runRecordVersion,
      command: "prune",
      options,
      model: {
        commit: snapshotCommit(this.#model.checkpoint.path) ?? null,
        family: this.#model.family.modelType,
        rotatedBefore: this.#model.config.rotated,
        tiedEmbeddings: {
          source: this.#model.config.tieWordEmbeddings,
          output: written.config.tieWordEmbeddings,
        },
      },
      seed: options.seed,
      versions: packageVersions(),
      backend: { name, description: capabilities.description },
      calibration: {
        windows: windows.length,
        windowLength: options.sequenceLength,
        tokenSum: windows.reduce((sum, window) => window.reduce((a, b) => a + b, sum), 0),
      },
      blocks,
      sharedRotation,
      invarianceError: errors.length > 0 ? Math.max(...errors) : null,
      maskValid,
      evaluation: dense && pruned ? { dense, pruned } : null,
      stages: this.#clock.toJSON(),
      seconds: (performance.now() - started) / 1000,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    };
  }

  async #context(): Promise<RunContext> {
    const { options, pattern, pruner, onProgress, signal } = this.#request;
    const blocks = this.#model.config.layerCount;
    const { rotationImportance: named } = options;
    return {
      options,
      pattern,
      device: this.#model.device,
      pruner,
      rotationImportance: named === sameImportance ? pruner.importance : createPruner(named, {}).importance,
      skip: parseSkip(options.skip, blocks),
      given: options.rotation === null ? undefined : await loadRotations(options.rotation),
      reports: new Map(),
      shares: undefined,
      learned: new Map(),
      measure: this.#clock.measure,
      progress: onProgress ?? (() => {}),
      signal,
      blocks,
    };
  }

  /** The context with the shares that a first pass finds, and the rotations it learned, where that is asked for. */
  async #allocated(context: RunContext, windows: readonly Int32Array[]): Promise<RunContext> {
    const { options, pruner } = this.#request;
    if (options.allocation === "uniform" || pruner.name === "none") return context;
    const shares = await this.#clock.measure("allocate", () => allocate(this.#model, windows, context));
    const given = options.rotate === "per-block" ? new Map(context.learned) : context.given;
    return { ...context, shares, given };
  }

  /** The context with the rotations that all blocks share, where that is asked for. */
  async #shared(context: RunContext, windows: readonly Int32Array[]) {
    if (context.options.rotate !== "shared") return { context, objective: null };
    const { given, objective } = await sharedRotations(this.#model, windows, context, this.#directory);
    return { context: { ...context, given }, objective };
  }

  async #windows(): Promise<Int32Array[]> {
    const { calibration, samples, sequenceLength, seed } = this.#request.options;
    const stream = await tokensOf(this.#model, calibration, "train", "--calibration");
    return sampleWindows(stream, {
      count: samples,
      length: sequenceLength,
      ...(seed === null ? {} : { seed }),
    });
  }

  async #blocks(context: RunContext, windows: readonly Int32Array[]): Promise<BlockRecord[]> {
    const { options, signal, progress, blocks } = context;
    const records: BlockRecord[] = [];
    const stream = calibrate(this.#model, windows, {
      out: this.#directory,
      force: true,
      rotated:
        options.rotate === "shared"
          ? "shared"
          : (index) => options.rotate === "per-block" && !context.skip.block(index),
      dense: needsDenseStream(options),
      packed: sitePacking(context),
      ...(signal ? { signal } : {}),
    });
    // The generator runs the changed block, writes it and loads the next one between two turns of the loop.
    const next = () => this.#clock.measure("forward and write", () => stream.next());
    try {
      for (let turn = await next(); !turn.done; turn = await next()) {
        const block = blockContext(context, turn.value);
        for (const stage of blockStages) {
          if (!stage.applies(block)) continue;
          signal?.throwIfAborted();
          progress({ stage: stage.name, block: turn.value.index + 1, blocks });
          await this.#clock.measure(stage.name, () => stage.run(block));
        }
        const { rotation, sites, transport, reconstruction } = block;
        records.push({ name: turn.value.name, rotation, sites, transport, reconstruction });
      }
    } finally {
      await stream.return(undefined);
    }
    return records;
  }

  #evaluate(model: Model, stage: string) {
    const { options, onProgress, signal } = this.#request;
    return this.#clock.measure(stage, () =>
      evaluate(model, {
        text: options.evaluationText,
        windowLength: options.sequenceLength,
        windows: options.evaluationWindows,
        stage,
        ...(onProgress ? { progress: onProgress } : {}),
        signal,
      }),
    );
  }
}
