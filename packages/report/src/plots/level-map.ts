import * as Plot from "@observablehq/plot";
import type { Html } from "../html.js";
import { chart } from "./chart.js";
import { centred } from "./sizes.js";

const namespace = "http://www.w3.org/2000/svg";
const levels = "0123456789abcdef";

/**
 * Rows of hexadecimal digits as cells, one path a level whose colour is the page's (`--level-0` … `--level-15`); cells of
 * other characters are left open.
 */
function cells(rows: readonly string[]): Plot.RenderFunction {
  return (_index, { x, y }, _values, _dimensions, context) => {
    const document = (context as unknown as { document: Document }).document;
    const at = (value: number, scale: typeof x) => (scale as (value: number) => number)(value);
    const size = [at(1, x) - at(0, x), at(1, y) - at(0, y)].map((part) => Number(part.toFixed(4)));
    const group = document.createElementNS(namespace, "g");
    group.setAttribute("transform", `translate(${at(0, x)} ${at(0, y)}) scale(${size.join(" ")})`);
    group.setAttribute("shape-rendering", "crispEdges");
    for (const [level, digit] of Array.from(levels).entries()) {
      const parts = rows.flatMap((row, i) =>
        runs(row, digit).map(({ from, length }) => `M${from} ${i}h${length}v1h-${length}z`),
      );
      if (parts.length === 0) continue;
      const element = document.createElementNS(namespace, "path");
      element.setAttribute("fill", `var(--level-${level})`);
      element.setAttribute("d", parts.join(""));
      group.appendChild(element);
    }
    return group as unknown as SVGElement;
  };
}

/** Stretches of one character. */
function runs(row: string, character: string): { from: number; length: number }[] {
  return Array.from(row.matchAll(new RegExp(`${character}+`, "g")), ({ index, 0: { length } }) => ({
    from: index,
    length,
  }));
}

export interface LevelChartOptions {
  readonly alt: string;
  /** Digits; all rows have one length. */
  readonly rows: readonly string[];
  /** What the first and the last edge stand for. */
  readonly inputs: readonly [from: number, to: number];
  readonly outputs: readonly [from: number, to: number];
  readonly width: number;
  readonly height: number;
  /** Lines after every so many columns. */
  readonly rule?: number;
}

/** A matrix `[out, in]` as a heat map, its first row above. */
export function levelChart({ alt, rows, inputs, outputs, width, height, rule }: LevelChartOptions): Html {
  const columns = rows[0]!.length;
  const ticks = ([from, to]: readonly [number, number], parts: number) => {
    const label = new Map(
      [0, 0.5, 1].map((share) => [share * parts, String(Math.round(from + share * (to - from)))]),
    );
    return { ticks: [...label.keys()], tickFormat: (value: number) => label.get(value) ?? "" };
  };
  const lines = rule ? Array.from({ length: Math.floor(columns / rule) + 1 }, (_, i) => i * rule) : [];
  return chart({
    alt,
    width,
    height,
    marginLeft: 44,
    marginBottom: 34,
    marginTop: 8,
    marginRight: 14,
    x: {
      domain: [0, columns],
      label: "input",
      ...centred,
      ...ticks(inputs, columns),
    },
    y: {
      domain: [rows.length, 0],
      label: "output",
      ...centred,
      ...ticks(outputs, rows.length),
    },
    marks: [cells(rows), Plot.ruleX(lines, { stroke: "var(--paper)", strokeWidth: 1 })],
  });
}
