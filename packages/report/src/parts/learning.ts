import * as Plot from "@observablehq/plot";
import { figure as number, percent } from "../format.js";
import { type Html, html } from "../html.js";
import { chart } from "../plots/chart.js";
import { ramp } from "../plots/legend.js";
import { centred, wide } from "../plots/sizes.js";
import type { ReportObjective, ReportRecord } from "../record/schema.js";
import { absent, figure, section } from "./section.js";
import { without } from "./wording.js";

interface Curve {
  /** Index of the block, or none where all share one rotation. */
  readonly block: number | undefined;
  readonly objective: ReportObjective;
}

/** Levels below are too pale for a line. */
const palest = 6;
/** Points of a curve at most. */
const mostPoints = 100;

/** The loss of the solver, step by step. */
export function learning(record: ReportRecord): Html {
  const curves: Curve[] = record.blocks.flatMap(({ rotation }, block) =>
    rotation?.objective ? [{ block, objective: rotation.objective }] : [],
  );
  if (record.sharedRotation) curves.push({ block: undefined, objective: record.sharedRotation });
  const id = "learning";
  const heading = "Learning the rotations";
  if (curves.length === 0)
    return section(id, heading, absent(without(record, "No curves of the solver's loss")));
  const { options } = record;
  const fell = curves.map(({ objective: { unrotated, best } }) => (unrotated > 0 ? 1 - best / unrotated : 0));
  const mean = fell.reduce((sum, share) => sum + share, 0) / fell.length;
  return section(
    id,
    heading,
    figure(
      html`${losses(curves, record.blocks.length)}${curves.length > 1 ? ramp("block", "0", String(record.blocks.length - 1), palest) : undefined}`,
      html`The objective (${options.objective}) at every step of ${options.solver}, relative to its value without rotation (dashed);
      ${record.sharedRotation ? "one rotation for all blocks" : "a line for each block"}. At the end it was ${percent(mean)} lower${curves.length > 1 ? " on average" : ""}.`,
    ),
    invariance(record),
  );
}

function invariance({ invarianceError }: ReportRecord): Html | undefined {
  if (invarianceError === null) return undefined;
  return html`<p>Absorbing the rotations changed the outputs of no block by more than ${number(invarianceError)} of their root mean square: that they leave
  the model's function as it was is checked in every run.</p>`;
}

function losses(curves: readonly Curve[], blocks: number): Html {
  const level = (block: number | undefined) =>
    block === undefined
      ? "var(--after)"
      : `var(--level-${palest + Math.round(((15 - palest) * block) / Math.max(1, blocks - 1))})`;
  const points = curves.flatMap(({ block, objective: { trace, unrotated } }) =>
    thinned(trace).map(({ step, value }) => ({
      step,
      value: unrotated > 0 ? value / unrotated : value,
      line: String(block),
      color: blocks === 1 ? "var(--after)" : level(block),
    })),
  );
  return chart({
    alt: `The objective relative to its value without rotation by solver step, ${curves.length === 1 ? "one line" : `${curves.length} lines, one a block`}.`,
    width: wide,
    height: 300,
    marginLeft: 56,
    marginBottom: 40,
    marginTop: 12,
    x: { label: "step", ...centred },
    y: { label: "objective / without rotation", ...centred, grid: true, nice: true },
    marks: [
      Plot.ruleY([1], { stroke: "var(--before)", strokeDasharray: "5 4" }),
      Plot.line(points, { x: "step", y: "value", z: "line", stroke: "color", strokeWidth: 1.5 }),
    ],
  });
}

/** Evenly spaced steps of a curve, its last one among them. */
function thinned(trace: readonly number[]): { step: number; value: number }[] {
  const every = Math.max(1, Math.ceil(trace.length / mostPoints));
  return trace
    .map((value, step) => ({ step, value }))
    .filter(({ step }) => step % every === 0 || step === trace.length - 1);
}
