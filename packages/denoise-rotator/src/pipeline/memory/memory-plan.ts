import { totalmem } from "node:os";
import { constrainedMemory } from "node:process";
import { type Backend, OptionError } from "@denoise-rotator/core";
import type { ActivationDType, Model } from "@denoise-rotator/models";
import { blockSizes, floats } from "./block-sizes.js";
import { formatBytes } from "./format-bytes.js";
import { type StageBudget, type StageOptions, stageBudgets, totalOf, tracked } from "./stage-budget.js";

/** A part of what the process holds besides the device's tensors. */
export interface HostPart {
  readonly what: string;
  readonly bytes: number;
}

/** What a run holds at its worst, and where activations go. Bytes. */
export interface MemoryPlan {
  /** What the process may take. */
  readonly limit: number;
  readonly device: {
    readonly name: string;
    /** Whether its tensors are memory of the process. */
    readonly inProcess: boolean;
    /** What all its tensors together may take; `undefined`: not known. */
    readonly limit: number | undefined;
    readonly stages: readonly StageBudget[];
    /** The stage that holds most. */
    readonly peak: StageBudget;
  };
  readonly host: readonly HostPart[];
  /** Of all streams; what does not fit in memory goes to disk. */
  readonly activations: { readonly total: number; readonly inMemory: number };
  /** Device and host, no activations but a batch. */
  readonly least: number;
}

export interface PlanOptions extends Omit<StageOptions, "vocabulary"> {
  /** `--memory`; default: three quarters of the machine's. */
  readonly memory?: number | undefined;
  readonly activations: ActivationDType;
  /** Windows of the evaluation, of the same length; 0: none. */
  readonly evaluationWindows: number;
  /** Whether the changed model is written. */
  readonly writes: boolean;
}

/** Node with this project's code, its kernels and its garbage. */
const runtimeBytes = 256 * 2 ** 20;
/** What is read of a file at once, widened and copied, and what the next block is read ahead in. */
const readingBytes = 5 * 2 ** 24;
/** What the device keeps free of its limit for kernels' own copies. Tensors are moved together where pieces get scattered. */
const deviceMargin = 1.04;
/**
 * Memory that was touched for the tensors, relative to what they ever held: 1.11 for a block of LLaMA-3-8B's shape, about 1.14
 * for Llama-3.2-1B's.
 */
const fragmentation = 1.15;
/** Of the largest layer: read back in f32, its kept half, and what is packed of it. */
const packingShare = 2;
/** Memory of the machine, or of the container, that a run takes unless told otherwise. */
const defaultShare = 0.75;

/** Three quarters of what the machine has, or of what the process is allowed. */
export function defaultMemory(): number {
  const allowed = constrainedMemory?.() ?? 0;
  const machine = allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
  return Math.floor(defaultShare * machine);
}

/** The budget of a run: what it needs by stage, and how many bytes of activations may stay in memory. */
export function planMemory(model: Model, options: PlanOptions): MemoryPlan {
  const { config, device } = model;
  const limit = options.memory ?? defaultMemory();
  const sizes = blockSizes(config);
  const vocabulary = options.evaluationWindows > 0 ? config.vocabularySize : 0;
  const stageOptions = { ...options, vocabulary };
  const stages = stageBudgets(sizes, stageOptions);
  const peak = stages.reduce((most, stage) => (totalOf(stage) > totalOf(most) ? stage : most));
  const batch = floats(options.batchWindows, options.windowLength, config.hiddenSize);
  const host: HostPart[] = [
    { what: "Node, code and kernels", bytes: runtimeBytes },
    { what: "reading weights, and ahead", bytes: readingBytes },
    { what: "a batch of activations", bytes: 3 * batch },
  ];
  if (options.prunes) host.push({ what: "masks, packing, figures", bytes: packingShare * sizes.largest });
  if (options.writes) host.push({ what: "writing weights", bytes: sizes.largest + readingBytes });
  const streams = tracked(stageOptions) ? 2 : 1;
  const width = options.activations === "bf16" ? 0.5 : 1;
  const windows = Math.max(streams * options.windows, options.evaluationWindows);
  const total = width * floats(windows, options.windowLength, config.hiddenSize);
  const inProcess = device.readSync !== undefined;
  const end = deviceLimit(device) ?? Number.POSITIVE_INFINITY;
  const touched = inProcess ? Math.max(totalOf(peak), Math.min(end, fragmentation * totalOf(peak))) : 0;
  const least = host.reduce((sum, { bytes }) => sum + bytes, touched);
  return {
    limit,
    device: { name: device.name, inProcess, limit: deviceLimit(device), stages, peak },
    host,
    activations: { total, inMemory: Math.max(0, Math.min(total, limit - least)) },
    least,
  };
}

/** All tensors of the wasm backend share one address space. */
const deviceLimit = ({ name, capabilities }: Backend): number | undefined =>
  capabilities.maxBytes ?? (name === "wasm" ? capabilities.maxBufferBytes : undefined);

/** A run that cannot fit; `plan` says what it would hold. */
export class MemoryBudgetError extends OptionError {
  readonly plan: MemoryPlan;
  constructor(message: string, plan: MemoryPlan) {
    super(message);
    this.plan = plan;
  }
}

/** Why a plan cannot be carried out; `undefined`: it can. */
export function shortage({ limit, device, least }: MemoryPlan): string | undefined {
  const held = totalOf(device.peak);
  if (device.limit !== undefined && deviceMargin * held > device.limit) {
    return (
      `"${device.peak.stage}" holds ${formatBytes(held)} of tensors; the ${device.name} backend ends at ` +
      `${formatBytes(device.limit)}, the address space of 32-bit WebAssembly`
    );
  }
  if (least <= limit) return undefined;
  return `the run needs ${formatBytes(least)} with all activations on disk, --memory allows ${formatBytes(limit)}`;
}

const plain = { match: false, refine: false, transport: false, reconstruct: false } as const;
/** Options that would hold less, most like the given ones first. */
const thriftier: readonly { readonly flags: string; readonly change: Partial<PlanOptions> }[] = [
  { flags: "--no-match", change: { match: false } },
  { flags: "--no-match --refine none", change: { match: false, refine: false } },
  { flags: "--quality fast", change: plain },
  {
    flags: "--quality fast --pruner wanda",
    change: { ...plain, factors: false, columnScale: "diagonal" },
  },
  {
    flags: "--quality fast --pruner wanda --rotate none",
    change: { ...plain, factors: false, rotate: "none" },
  },
];

/**
 * The budget of a run that fits.
 *
 * @throws MemoryBudgetError before any work starts, saying what does not fit and which options would.
 */
export function requireMemory(model: Model, options: PlanOptions): MemoryPlan {
  const plan = planMemory(model, options);
  const lack = shortage(plan);
  if (lack === undefined) return plan;
  const fits = thriftier.find(
    ({ change }) => shortage(planMemory(model, { ...options, ...change })) === undefined,
  );
  const advice = fits ? `${fits.flags} fits` : "give it more memory, or shorter windows with --seqlen";
  throw new MemoryBudgetError(`${model.name}: ${lack}; ${advice}`, plan);
}
