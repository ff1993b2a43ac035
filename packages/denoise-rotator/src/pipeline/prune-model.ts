import { dirname, resolve } from "node:path";
import { parsePattern } from "@denoise-rotator/contracts";
import type { PerplexityResult } from "@denoise-rotator/evaluators";
import { snapshotCommit } from "@denoise-rotator/hub";
import {
  type ActivationStorageOptions,
  calibrate,
  type Model,
  type SitePacking,
} from "@denoise-rotator/models";
import { createPruner, type Pruner } from "@denoise-rotator/pruners";
import { allocate } from "./allocate.js";
import { borrowBackend } from "./backends.js";
import { calibrationWindows } from "./calibration.js";
import { blockContext, type RunContext } from "./context.js";
import { evaluate } from "./evaluate.js";
import { fetchOptions } from "./fetch-options.js";
import { heldShares } from "./figures/importance-curves.js";
import { pictureOf } from "./figures/picture.js";
import { requireMemory } from "./memory/memory-plan.js";
import { planOfRun } from "./memory/run-plan.js";
import { openNamedModel } from "./named-model.js";
import {
  needsDenseStream,
  type PruneOptions,
  type ResolvedOptions,
  resolveOptions,
  sameImportance,
} from "./options.js";
import { isPlain, plainBaseline } from "./plain-baseline.js";
import { repeatArguments } from "./repeat-command.js";
import { checkCalibration } from "./resume/check-calibration.js";
import { openRun } from "./resume/open-run.js";
import { RotationStore } from "./resume/rotation-store.js";
import type { EventOf } from "./resume/run-events.js";
import { identityOf, type RunIdentity } from "./resume/run-identity.js";
import type { RunState } from "./resume/run-state.js";
import { whileKept } from "./resume/while-kept.js";
import { loadRotations, saveRotations } from "./rotation-file.js";
import { type BlockRecord, type RunRecord, runRecordVersion } from "./run-record.js";
import { sharedRotations } from "./shared-rotation.js";
import { parseSkip } from "./skip.js";
import type { StageClock } from "./stage-clock.js";
import { blockStages } from "./stages.js";
import { masksValid } from "./verify-masks.js";

/**
 * Rotates, prunes and evaluates a checkpoint, one block resident at a time, and writes the result with its `run.json`
 * and `report.html`.
 * On an error or an abort nothing is left at `out`; what finished blocks came to is kept beside it, for `resume`.
 */
export async function pruneModel(request: PruneOptions): Promise<RunRecord> {
  const backend = await borrowBackend(request.backend ?? "wasm", request);
  try {
    await using model = await openNamedModel(request.model, backend.device, {
      ...fetchOptions(request),
      dense: request.dense,
    });
    const { pruner: wanted = "sparsegpt" } = request;
    const pruner = typeof wanted === "object" ? wanted : createPruner(wanted, {});
    const { pattern, ...options } = resolveOptions(request, pruner, model.contextLength);
    const { inMemory } = requireMemory(
      model,
      planOfRun(model, { ...request, pruner, pattern, options }),
    ).activations;
    const identity = await identityOf(model, options);
    const opened = await openRun(identity, request);
    if ("finished" in opened) return opened.finished;
    const { state } = opened;
    const kept = {
      memory: inMemory,
      scratch: request.scratch ?? dirname(state.contents),
      dtype: options.activations,
    };
    model.keepActivations(kept);
    return await whileKept(state, request.onNotice, async () => {
      const run = new PruneRun(
        model,
        { ...request, pruner, options, pattern, kept, repeat: repeatArguments(request) },
        identity,
        state,
      );
      const record = await run.execute();
      await state.complete(record);
      return record;
    });
  } finally {
    await backend.dispose();
  }
}

/** What is pruned is what can be packed. */
function sitePacking({ options, skip, pattern }: RunContext): SitePacking {
  return (index, role) => {
    const packs = options.format === "packed" && pattern.kind === "n:m" && !skip.site(index, role);
    return packs ? pattern : undefined;
  };
}

interface PruneRequest extends PruneOptions {
  readonly pruner: Pruner;
  readonly options: ResolvedOptions;
  readonly repeat: RunRecord["repeat"];
  readonly pattern: RunContext["pattern"];
  /** How activations are kept. */
  readonly kept: ActivationStorageOptions;
}

type Evaluated = EventOf<"evaluation">["of"];

/** One run: the state between its stages. */
class PruneRun {
  readonly #model: Model;
  readonly #request: PruneRequest;
  readonly #identity: RunIdentity;
  readonly #state: RunState;
  readonly #clock: StageClock;

  constructor(model: Model, request: PruneRequest, identity: RunIdentity, state: RunState) {
    this.#model = model;
    this.#request = request;
    this.#identity = identity;
    this.#state = state;
    this.#clock = state.clock;
  }

  async execute(): Promise<RunRecord> {
    const { options, pattern } = this.#request;
    const first = await this.#context();
    const windows = await this.#clock.measure("calibration text", () => this.#windows());
    await checkCalibration(this.#state, windows);
    const dense = await this.#evaluate(this.#model, "dense");
    const { context: rotated, objective: sharedRotation } = await this.#shared(first, windows);
    const context = await this.#allocated(rotated, windows);
    const blocks = await this.#blocks(context, windows);
    if (options.saveRotation !== null)
      await saveRotations(resolve(options.saveRotation), context.learned.all);

    await using written = await openNamedModel(this.#state.contents, this.#model.device, {
      dense: options.dense,
    });
    written.keepActivations(this.#request.kept);
    const layers = blocks.flatMap(({ sites }) => sites.map(({ name }) => name));
    const patterns = new Map(
      layers.map((name) => [name, parsePattern(context.shares?.get(name) ?? pattern)]),
    );
    const maskValid = await this.#clock.measure("verify", () => masksValid(written.checkpoint, patterns));
    const pruned = await this.#evaluate(written, "pruned");
    const plain = pruned && (await this.#plain(pruned));
    const errors = blocks.flatMap(({ rotation }) => rotation?.invarianceError ?? []);
    const { stages, seconds, peakMemoryBytes } = this.#state.spent;
    const { inputs, versions, backend } = this.#identity;
    return {
      schemaVersion: runRecordVersion,
      command: "prune",
      options,
      repeat: this.#request.repeat,
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
      inputs,
      versions,
      backend,
      calibration: {
        windows: windows.length,
        windowLength: options.sequenceLength,
        tokenSum: windows.reduce((sum, window) => window.reduce((a, b) => a + b, sum), 0),
      },
      blocks,
      sharedRotation,
      invarianceError: errors.length > 0 ? Math.max(...errors) : null,
      maskValid,
      evaluation: dense && pruned ? { dense, pruned, plain: plain ?? null } : null,
      heldShares,
      stages,
      seconds,
      peakMemoryBytes,
      attempts: this.#state.attempts,
    };
  }

  async #context(): Promise<RunContext> {
    const { options, pattern, pruner, onProgress, signal } = this.#request;
    const blocks = this.#model.config.layerCount;
    const { rotationImportance: named } = options;
    const reports: RunContext["reports"] = new Map();
    return {
      options,
      pattern,
      device: this.#model.device,
      pruner,
      rotationImportance: named === sameImportance ? pruner.importance : createPruner(named, {}).importance,
      skip: parseSkip(options.skip, blocks),
      given: options.rotation === null ? undefined : await loadRotations(options.rotation),
      reports,
      shares: undefined,
      learned: await RotationStore.open(this.#state, reports),
      state: this.#state,
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
    if (!this.#state.last("allocated")) {
      const found = await this.#clock.measure("allocate", () => allocate(this.#model, windows, context));
      await this.#state.remember({ kind: "allocated", shares: [...found] });
    }
    const shares = new Map(this.#state.last("allocated")!.shares);
    const given = options.rotate === "per-block" ? new Map(context.learned.all) : context.given;
    return { ...context, shares, given };
  }

  /** The context with the rotations that all blocks share, where that is asked for. */
  async #shared(context: RunContext, windows: readonly Int32Array[]) {
    if (context.options.rotate !== "shared") return { context, objective: null };
    const { given, objective } = await sharedRotations(this.#model, windows, context);
    return { context: { ...context, given }, objective };
  }

  #windows(): Promise<Int32Array[]> {
    return calibrationWindows(this.#model, this.#request.options, fetchOptions(this.#request));
  }

  async #blocks(context: RunContext, windows: readonly Int32Array[]): Promise<BlockRecord[]> {
    const { options, signal, progress, blocks } = context;
    const records = this.#state.blocksOf("prune").map(({ record }) => record!);
    if (this.#state.last("written")) return records;
    const pass = await this.#state.pass("prune", (index) => records[index]!);
    const stream = calibrate(this.#model, windows, {
      out: this.#state.contents,
      ...(pass ? { state: pass } : { force: true }),
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
        const picture = await pictureOf(block);
        records.push({ name: turn.value.name, rotation, sites, transport, reconstruction, picture });
      }
    } finally {
      await stream.return(undefined);
    }
    await this.#state.remember({ kind: "written" });
    return records;
  }

  /** The perplexity of the pruner as published, where it is asked for; that of this run where it is that. */
  async #plain(pruned: PerplexityResult): Promise<PerplexityResult | undefined> {
    const { evaluatePlain, options } = this.#request;
    if (isPlain(options)) return pruned;
    if (!evaluatePlain) return undefined;
    return (
      this.#known("plain") ??
      plainBaseline(this.#request, {
        options,
        model: this.#model,
        prune: (request) => this.#clock.measure("plain baseline", () => pruneModel(request)),
        evaluate: (model) => this.#evaluate(model, "plain"),
      })
    );
  }

  /** What an earlier attempt found. */
  #known(which: Evaluated): PerplexityResult | undefined {
    return this.#state.all("evaluation").find((event) => event.of === which)?.result;
  }

  /** Perplexity of a model, unless an earlier attempt found it; `undefined` where it is not asked for. */
  async #evaluate(model: Model, which: Evaluated): Promise<PerplexityResult | undefined> {
    const { options, evaluate: asked, onProgress, signal } = this.#request;
    if (!asked) return undefined;
    const known = this.#known(which);
    if (known) return known;
    const stage = `evaluate ${which}`;
    const result = await this.#clock.measure(stage, () =>
      evaluate(model, {
        text: options.evaluationText,
        windowLength: options.sequenceLength,
        windows: options.evaluationWindows,
        stage,
        ...(onProgress ? { progress: onProgress } : {}),
        signal,
      }),
    );
    await this.#state.remember({ kind: "evaluation", of: which, result });
    return result;
  }
}
