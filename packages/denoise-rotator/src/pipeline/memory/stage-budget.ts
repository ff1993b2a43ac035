import type { SiteRole } from "@denoise-rotator/contracts";
import { defaultLargeInputs } from "@denoise-rotator/models";
import { type BlockSizes, floats } from "./block-sizes.js";

/** What of a run's options decides how much a stage holds. */
export interface StageOptions {
  /** Windows that go through a block at once, and tokens of each. */
  readonly batchWindows: number;
  readonly windowLength: number;
  /** Calibration windows. */
  readonly windows: number;
  readonly rotate: "per-block" | "shared" | "none";
  /** How the importance that the rotation concentrates weighs columns. */
  readonly columnScale: "one" | "diagonal" | "inverseDiagonal";
  readonly prunes: boolean;
  /** Whether pruned weights are multiplied packed: copies of them are there while the changed block runs. */
  readonly packs: boolean;
  /** Whether statistics outlive the rotation, for an allocation of sparsity. */
  readonly keepsStatistics: boolean;
  /** SparseGPT: factors H. */
  readonly factors: boolean;
  readonly match: boolean;
  readonly refine: boolean;
  readonly transport: boolean;
  readonly reconstruct: boolean;
  /** Vocabulary, where the model is evaluated. */
  readonly vocabulary: number;
}

/** What a stage holds on the device at its worst, in bytes. */
export interface StageBudget {
  readonly stage: string;
  /** Of the block as it is, and as it was where the dense one is tracked. */
  readonly weights: number;
  /** H, drifts and the sums they come from. */
  readonly statistics: number;
  /** Factors, packed weights, solver and optimiser. */
  readonly solver: number;
  /** Of one batch. */
  readonly activations: number;
}

export const totalOf = ({ weights, statistics, solver, activations }: StageBudget): number =>
  weights + statistics + solver + activations;

/** Logits on the device at once, at most; see `LanguageHead`. */
const logitElements = 2 ** 24;
/** Matrices `[hidden, hidden]` that a solver on R1 keeps beside the metrics: points, moments, gradients, retraction. */
const solverMatrices = 16;
/** What sums, reversals and checks work on at a time, of a matrix of that size. */
const bands = (matrix: number): number => Math.min(6 * floats(2 ** 22), 3 * matrix);

/** What every stage of a run needs; the device must hold the largest. */
export function stageBudgets(sizes: BlockSizes, options: StageOptions): StageBudget[] {
  const { rotate, prunes, reconstruct, transport, vocabulary } = options;
  const stages: StageBudget[] = [forward(sizes, options)];
  if (rotate !== "none") {
    if (options.columnScale !== "one" || rotate === "per-block") stages.push(captureAll(sizes, options));
    stages.push(metrics(sizes, options), figures(sizes, options), learn(sizes, options));
    stages.push(absorb(sizes, options));
  }
  if (prunes) stages.push(...[0, 1, 2, 3].flatMap((group) => pruneGroup(sizes, options, group)));
  if (transport) stages.push(outputMap(sizes, options));
  if (reconstruct) stages.push(reconstruction(sizes, options));
  if (vocabulary > 0) stages.push(head(sizes, options));
  return stages;
}

/** Activations of `tokens` on their way through a block, to what the sites of a group read or to its end. */
function passing(
  { hidden, heads, keyValueHeads, intermediate }: BlockSizes,
  tokens: number,
  group = 4,
): number {
  if (group === 0) return floats(tokens, 4 * hidden);
  const attention = 4 * heads + 3 * keyValueHeads;
  if (group < 3) return floats(tokens, 6 * hidden + heads + attention);
  return floats(tokens, 8 * hidden + heads + Math.max(attention, 3 * intermediate));
}

const batchTokens = ({ batchWindows, windowLength, windows }: StageOptions): number =>
  Math.min(batchWindows, Math.max(1, windows)) * windowLength;

/** Whether the dense stream runs along; the block as it was is kept then. */
export const tracked = ({ match, transport, reconstruct }: StageOptions): boolean =>
  match || transport || reconstruct;

/** Matrices that a sum over the batches takes beside the one it becomes. */
function summing({ windows, batchWindows }: StageOptions): number {
  const batches = Math.ceil(windows / batchWindows);
  return Math.min(batches, 3) - 1;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Half of the values and a sixteenth for their positions. */
const packedShare = 9 / 16;

const forward = (sizes: BlockSizes, options: StageOptions): StageBudget => ({
  stage: "forward",
  weights: sizes.block * ((tracked(options) ? 2 : 1) + (options.packs ? packedShare : 0)),
  statistics: options.keepsStatistics && !options.prunes ? sum(sizes.grams) : 0,
  solver: 2 * floats(sizes.hidden, sizes.hidden),
  activations: passing(sizes, batchTokens(options)),
});

const inputsOf = ({ hidden, heads, intermediate }: BlockSizes) =>
  [hidden, heads, hidden, intermediate] as const;

/** Whether `LoadedBlock.capture` sums the H of a group apart: one site reads it, and it is wide. */
const isLarge = (sizes: BlockSizes, group: number): boolean =>
  groupRoles[group]!.length === 1 && inputsOf(sizes)[group]! > defaultLargeInputs;

/** What the drift of a group takes once it is summed. */
function driftOf(sizes: BlockSizes, { match }: StageOptions, group: number): number {
  if (!match) return 0;
  const residual = { 1: sizes.weights.oProj, 3: sizes.weights.downProj }[group] ?? 0;
  return isLarge(sizes, group) ? residual : sizes.grams[group]! + residual;
}

/** Rows of H that a large one is summed in. */
const bandRows = 1024;

/** As {@link summed} for a group with a large H: H by bands of its lower triangle, then the drift. */
function summedApart(sizes: BlockSizes, options: StageOptions, group: number, held: number) {
  const tokens = batchTokens(options);
  const inputs = inputsOf(sizes)[group]!;
  const gram = sizes.grams[group]!;
  const rows = floats(tokens, inputs + sizes.hidden);
  const own = passing(sizes, tokens, group);
  const band = floats(bandRows, inputs);
  const half = gram / 2 + band;
  const term = Math.max(own, rows + band + bands(band));
  const passes = [
    summing(options) > 0
      ? { statistics: held + 2 * half, activations: Math.max(term, gram - half) }
      : { statistics: held + half, activations: Math.max(term, gram) },
  ];
  const drift = driftOf(sizes, options, group);
  if (drift > 0) {
    passes.push({
      statistics: held + gram + drift * (1 + Math.min(1, summing(options))),
      activations: Math.max(own + rows, 3 * rows + drift + bands(drift)),
    });
  }
  return passes.reduce((most, pass) =>
    pass.statistics + pass.activations > most.statistics + most.activations ? pass : most,
  );
}

/**
 * Sums of some groups, `held` H besides. A batch on its way through the block and its products on their way into the sums
 * take turns.
 */
function summed(sizes: BlockSizes, options: StageOptions, groups: readonly number[], held: number) {
  const { match } = options;
  if (groups.length === 1 && isLarge(sizes, groups[0]!)) return summedApart(sizes, options, groups[0]!, held);
  const tokens = batchTokens(options);
  const { hidden, heads, intermediate } = sizes;
  const widths = [hidden, heads + hidden, hidden, intermediate + hidden];
  const grams = groups.map((group) => sizes.grams[group]!);
  const matrices = sum(grams) + sum(groups.map((group) => driftOf(sizes, options, group)));
  const largest = Math.max(...grams);
  const rows = (match ? 3 : 1) * sum(groups.map((group) => floats(tokens, widths[group]!)));
  return {
    statistics: held + matrices * (1 + Math.min(1, summing(options))),
    activations: Math.max(
      passing(sizes, tokens, Math.max(...groups)) + (match ? rows / 3 : 0),
      rows + largest + bands(largest),
    ),
  };
}

/** All groups, those of a large H last and by themselves. */
function captureAll(sizes: BlockSizes, options: StageOptions): StageBudget {
  const plain = { ...options, match: false };
  const groups = [0, 1, 2, 3];
  const [small, large] = [false, true].map((wanted) =>
    groups.filter((group) => isLarge(sizes, group) === wanted),
  );
  const passes = [...(small!.length > 0 ? [small!] : []), ...large!.map((group) => [group])];
  let held = 0;
  const budgets = passes.map((pass) => {
    const found = summed(sizes, plain, pass, held);
    held += sum(pass.map((group) => sizes.grams[group]!));
    return { stage: "capture", weights: sizes.block, solver: 0, ...found };
  });
  return budgets.reduce((most, each) => (totalOf(each) > totalOf(most) ? each : most));
}

function metrics(sizes: BlockSizes, { columnScale }: StageOptions): StageBudget {
  const largest = Math.max(...sizes.grams);
  const metric = columnScale === "one" ? 0 : sizes.grams[0] + sizes.grams[1] + sizes.grams[2];
  const working = { one: 0, diagonal: 1, inverseDiagonal: 2 }[columnScale];
  return {
    stage: "rotate: metrics",
    weights: sizes.block,
    statistics: sum(sizes.grams),
    solver: metric + Math.max(working * largest + bands(largest), 3 * sizes.largest),
    activations: 0,
  };
}

const metricOf = (sizes: BlockSizes, { columnScale }: StageOptions): number =>
  columnScale === "one" ? 0 : sizes.grams[0] + sizes.grams[2];

/** Importances of one layer while its mask is found. */
const importanceCopies = 5;

/** Packed weights, what starting points are made of, and one layer's figures at a time. */
const figures = (sizes: BlockSizes, options: StageOptions): StageBudget => ({
  stage: "rotate: figures",
  weights: sizes.block,
  statistics: options.keepsStatistics ? sum(sizes.grams) : sizes.grams[0] + sizes.grams[2],
  solver:
    sizes.block +
    metricOf(sizes, options) +
    Math.max(importanceCopies * sizes.largest, solverMatrices * floats(sizes.hidden, sizes.hidden)),
  activations: 0,
});

/** Packed weights and their rotated copy; packing itself holds as much. */
const learn = (sizes: BlockSizes, options: StageOptions): StageBudget => ({
  stage: "rotate: learn",
  weights: sizes.block,
  statistics: options.keepsStatistics ? sum(sizes.grams) : 0,
  solver: 2 * sizes.block + metricOf(sizes, options) + solverMatrices * floats(sizes.hidden, sizes.hidden),
  activations: 0,
});

/** Old and new weights side by side while a sample of the outputs is compared. */
const absorb = (sizes: BlockSizes, options: StageOptions): StageBudget => ({
  stage: "rotate: absorb",
  weights: 2 * sizes.block,
  statistics: options.keepsStatistics ? 2 * sum(sizes.grams) : 0,
  solver: 4 * floats(sizes.hidden, sizes.hidden),
  activations: passing(sizes, batchTokens(options)) + floats(4 * options.windowLength, 3 * sizes.hidden),
});

const groupRoles: readonly (readonly SiteRole[])[] = [
  ["qProj", "kProj", "vProj"],
  ["oProj"],
  ["gateProj", "upProj"],
  ["downProj"],
];

/** Layers' sizes that choosing a mask works on, solving for what matches, and an error's products. */
const choosingCopies = 3;
const matchingCopies = 3;
const errorCopies = 3;
/** A mask's. */
const maskShare = 1 / 4;
/** Copies of the rows that refinement solves together. */
const conjugateCopies = 13;

function pruneGroup(sizes: BlockSizes, options: StageOptions, group: number): StageBudget[] {
  const { match, refine, factors } = options;
  const gram = sizes.grams[group]!;
  const layers = groupRoles[group]!.map((role) => sizes.weights[role]);
  const weight = Math.max(...layers);
  // The weights that were replaced, where the dense block goes on.
  const replaced = tracked(options)
    ? sum(groupRoles.slice(0, group).flatMap((roles) => roles.map((role) => sizes.weights[role])))
    : 0;
  const stage = ["q, k, v", "o", "gate, up", "down"][group]!;
  const matched = match ? weight : 0;
  // Factors that the other sites of the group need.
  const kept = (share: boolean) => (share && layers.length > 1 ? gram : 0);
  const pruned = matched + weight * (1 + maskShare);
  const rows = Math.max(256, 2 ** 22 / inputsOf(sizes)[group]!) / layerRows(sizes, group);
  const phases = [
    match ? gram + matchingCopies * weight : 0,
    matched +
      kept(match) +
      (factors ? gram + Math.max(bands(gram), pruned - matched) : choosingCopies * weight),
    refine ? pruned + weight + conjugateCopies * Math.min(1, rows) * weight + kept(match) + kept(factors) : 0,
    pruned + errorCopies * weight + kept(match) + kept(factors),
  ];
  return [
    {
      stage: `prune: capture for ${stage}`,
      weights: sizes.block + replaced,
      solver: 0,
      ...summed(sizes, options, [group], 0),
    },
    {
      stage: `prune: ${stage}`,
      weights: sizes.block + replaced + (tracked(options) ? sum(layers) - weight : 0),
      statistics: gram + driftOf(sizes, options, group),
      solver: Math.max(...phases),
      activations: 0,
    },
  ];
}

/** Rows of the largest layer of a group. */
const layerRows = ({ hidden, heads, intermediate }: BlockSizes, group: number): number =>
  [heads, hidden, intermediate, hidden][group]!;

const outputMap = (sizes: BlockSizes, options: StageOptions): StageBudget => ({
  stage: "transport",
  weights: 2 * sizes.block,
  statistics: 5 * floats(sizes.hidden, sizes.hidden),
  solver: 6 * floats(sizes.hidden, sizes.hidden),
  activations: 2 * passing(sizes, batchTokens(options)),
});

/** Windows of one step of `reconstructBlock`. */
const reconstructionWindows = 8;

/** Masks, moments, weights before and after, gradients; and a pass that is remembered for its gradient. */
function reconstruction(sizes: BlockSizes, options: StageOptions): StageBudget {
  const tokens = Math.min(options.windows, reconstructionWindows) * options.windowLength;
  const { hidden, heads, keyValueHeads, intermediate } = sizes;
  const scores = floats(
    Math.min(options.windows, reconstructionWindows),
    heads / 16,
    options.windowLength ** 2,
  );
  return {
    stage: "reconstruct",
    weights: 2 * sizes.block,
    statistics: 0,
    solver: 8 * sizes.block,
    activations: floats(tokens, 24 * hidden + 10 * heads + 8 * keyValueHeads + 10 * intermediate) + scores,
  };
}

const head = ({ hidden }: BlockSizes, { vocabulary, windowLength }: StageOptions): StageBudget => ({
  stage: "head",
  weights: floats(vocabulary, hidden),
  statistics: 0,
  solver: 0,
  activations:
    3 * floats(Math.min(logitElements, windowLength * vocabulary)) + floats(windowLength, 3 * hidden),
});
