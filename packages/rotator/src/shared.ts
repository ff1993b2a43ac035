import { type HeadLayout, parsePattern, type SparsityPattern } from "@denoise-rotator/contracts";
import { type CreationOptions, eye, type Tensor, tidy } from "@denoise-rotator/core";
import type { Evaluation, EvaluationStep, OrthogonalObjective } from "@denoise-rotator/manifold";
import { type DenoiseOptions, groupSize, objectiveName, objectiveOf, rowSampleOf } from "./denoise.js";
import type { RotationProblem } from "./problem.js";
import { checkBlocks } from "./r1-blocks.js";
import {
  type ImportanceObserver,
  type SiteReport,
  showImportances,
  siteFigures,
  siteReports,
} from "./report.js";
import { type ObjectiveReport, objectiveReport } from "./rotation.js";
import { type ResolvedSettings, resolveSettings } from "./settings.js";
import { solve } from "./solve.js";
import { columnImportances, dealColumns, dealsOut, principalAxes, type RotationStart } from "./start.js";

/** Blocks of one model that are to share R1, of which one at a time is in memory. */
export interface SharedSource {
  /** How many they are. */
  readonly count: number;
  readonly hiddenSize: number;
  /** Of every block. */
  readonly heads: HeadLayout;
  /** Dtype and backend of the rotations. */
  readonly placement: Required<CreationOptions>;
  /** Σ over the blocks of `inputEnergy`, `[hidden, hidden]`; stays the source's. */
  readonly energy: Tensor;
  /** The problem of block `i` < count. It is asked for anew in every step and disposed of. */
  problem(i: number): Promise<RotationProblem>;
}

/** As for `denoise`; `siteWeights` are those of the problems. */
export interface SharedOptions extends Omit<DenoiseOptions, "importance" | "siteWeights" | "onImportances"> {
  /** As of `denoise`, block by block; of every block first without rotation, then of every block with it. */
  readonly onImportances?: (...seen: [...Parameters<ImportanceObserver>, block: number]) => Promise<void>;
}

/** One R1 for all blocks, and R2 of each. Whoever holds it disposes of it. */
export interface SharedRotation {
  /** `[hidden, hidden]`. */
  readonly R1: Tensor;
  /** `[keyValueCount, dim, dim]` by block. */
  readonly R2: readonly Tensor[];
  /** Of the sum over the blocks. */
  readonly objective: ObjectiveReport;
  /** By block. */
  readonly sites: readonly (readonly SiteReport[])[];
  dispose(): void;
  [Symbol.dispose](): void;
}

/**
 * Learns one R1 for all blocks, so that no change of basis lies between them and the rotation is absorbed into
 * embedding and head; R2 stays every block's own. What is minimised is the sum of the blocks' objectives, each block's
 * gradient of R1 added to those before it: memory holds one block's problem, R1 and its solver's state, and all R2.
 *
 * @throws as `denoise` does.
 */
export async function denoiseShared(
  source: SharedSource,
  options: SharedOptions = {},
): Promise<SharedRotation> {
  const { signal, r1Blocks = 1 } = options;
  const pattern = parsePattern(options.pattern ?? "2:4");
  const settings = resolveSettings(options);
  checkBlocks(r1Blocks, source.hiddenSize, groupSize(pattern));
  const { capabilities } = source.placement.backend;
  capabilities.resetPeakBytes?.();
  const objective = summed(source, settings, pattern, options);
  const identity = [identityR1(source), ...identityR2(source)];
  try {
    signal?.throwIfAborted();
    const unrotated = await objective.evaluate(identity);
    for (const gradient of unrotated.gradients) gradient.dispose();
    const { onImportances } = options;
    const shown = { pattern, ...(onImportances ? { onImportances } : {}) };
    const before = await figures(source, identity, { ...shown, moment: "before" });
    const start = await sharedStart(settings.start, source, groupSize(pattern), r1Blocks);
    const result = await solve(objective, [start, ...identityR2(source)], settings, options);
    const { points } = result;
    const dispose = () => points.forEach((point) => void point.dispose());
    const after = await figures(source, points, { ...shown, moment: "after" }).catch((error) => {
      dispose();
      throw error;
    });
    const sites = before.map((block, i) => siteReports(block, block.found, after[i]!.found));
    const report = objectiveReport(objective.name, unrotated.value, result, capabilities);
    const [R1, ...R2] = points as [Tensor, ...Tensor[]];
    return { R1, R2, objective: report, sites, dispose, [Symbol.dispose]: dispose };
  } finally {
    for (const point of identity) point.dispose();
  }
}

const identityR1 = ({ hiddenSize, placement }: SharedSource): Tensor => eye(hiddenSize, placement);
const identityR2 = ({ count, heads, placement }: SharedSource): Tensor[] =>
  Array.from({ length: count }, () =>
    tidy(() => eye(heads.dim, placement).expand([heads.keyValueCount, heads.dim, heads.dim]).contiguous()),
  );

/** The sum of the blocks' objectives at R1 and the R2 of every block. */
function summed(
  source: SharedSource,
  settings: ResolvedSettings,
  pattern: SparsityPattern,
  options: SharedOptions,
): OrthogonalObjective {
  const rowSample = rowSampleOf(options, pattern);
  const blockObjective = (problem: RotationProblem) =>
    objectiveOf(settings.objective, problem, pattern, rowSample);
  return {
    name: `${objectiveName(settings.objective, pattern)}, shared by ${source.count} blocks`,
    async evaluate([R1, ...R2], at?: EvaluationStep): Promise<Evaluation> {
      let sum: Tensor | undefined;
      const rest: Tensor[] = [];
      let [value, exact] = [0, true];
      try {
        for (let i = 0; i < source.count; i++) {
          using problem = await source.problem(i);
          const part = await blockObjective(problem).evaluate([R1!, R2[i]!], at);
          const [G1, G2] = part.gradients as [Tensor, Tensor];
          rest.push(G2);
          using own = G1;
          const next: Tensor = sum ? sum.add(own) : own.alias();
          sum?.dispose();
          sum = next;
          value += part.value;
          exact &&= part.exact ?? true;
        }
        return { value, exact, gradients: [sum!, ...rest] };
      } catch (error) {
        for (const gradient of [sum, ...rest]) gradient?.dispose();
        throw error;
      }
    },
  };
}

/** As `startingPoint`, from the energies and column importances of all blocks together. The caller disposes. */
async function sharedStart(
  start: RotationStart,
  source: SharedSource,
  group: number,
  blocks: number,
): Promise<Tensor> {
  if (start === "identity") return identityR1(source);
  using basis =
    start === "identity-dealt"
      ? identityR1(source)
      : await principalAxes(source.energy.alias(), "H of all blocks", blocks);
  if (!dealsOut(start, source.hiddenSize, group, blocks)) return basis.alias();
  const importances = new Float64Array(source.hiddenSize);
  const R2 = identityR2({ ...source, count: 1 })[0]!;
  using none = R2;
  for (let i = 0; i < source.count; i++) {
    using problem = await source.problem(i);
    (await columnImportances(problem, basis, none)).forEach((value, column) => {
      importances[column] = importances[column]! + value;
    });
  }
  return dealColumns(basis, importances, group, blocks);
}

interface FiguresOptions extends Pick<SharedOptions, "onImportances"> {
  readonly pattern: SparsityPattern;
  readonly moment: "before" | "after";
}

/** Figures of every block's sites under a rotation, and their names. */
async function figures(
  source: SharedSource,
  [R1, ...R2]: readonly Tensor[],
  { pattern, moment, onImportances }: FiguresOptions,
) {
  const all = [];
  for (let i = 0; i < source.count; i++) {
    using problem = await source.problem(i);
    all.push({ siteNames: problem.siteNames, found: await siteFigures(problem, R1!, R2[i]!, pattern) });
    const observer: ImportanceObserver | undefined =
      onImportances && ((...seen) => onImportances(...seen, i));
    await showImportances(observer, moment, problem, [R1!, R2[i]!]);
  }
  return all;
}
