import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom/worker";
import { escape, Html } from "../html.js";

/** A document that is nobody's page: figures come out the same wherever they are made. */
const { document } = parseHTML("<!doctype html><html><body></body></html>");

export interface ChartOptions extends Plot.PlotOptions {
  /** What the figure shows, for those who do not see it. */
  readonly alt: string;
  readonly width: number;
  readonly height: number;
}

/** What is the same in all figures: their text has the page's font and colour, so that it follows its theme. */
const common = {
  document: document as unknown as Document,
  className: "plot",
  style: { background: "none" },
} satisfies Plot.PlotOptions;

/** A figure as inline SVG, as wide as its column at most. */
export function chart({ alt, ...options }: ChartOptions): Html {
  const svg = Plot.plot({ ...common, ...options }) as unknown as SVGSVGElement;
  for (const style of Array.from(svg.querySelectorAll("style"))) style.remove();
  svg.removeAttribute("style");
  svg.removeAttribute("font-family");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "");
  for (const element of Array.from(svg.querySelectorAll("*"))) shorten(element);
  // The serialiser leaves angle brackets in attributes as they are; they are nobody's but this one's.
  const markup = svg.outerHTML.replace('aria-label=""', () => `aria-label="${escape(alt)}"`);
  return new Html(`<div class="plot${options.width > 600 ? " wide" : ""}">${markup}</div>`);
}

const coordinates = [
  "d",
  "transform",
  "x",
  "y",
  "x1",
  "x2",
  "y1",
  "y2",
  "width",
  "height",
  "cx",
  "cy",
  "r",
  "points",
];

/** Hundredths of a pixel are more than one sees. */
function shorten(element: Element): void {
  for (const name of coordinates) {
    const value = element.getAttribute(name);
    if (value === null || !value.includes(".") || value.includes("scale")) continue;
    element.setAttribute(
      name,
      value.replaceAll(/-?\d*\.\d{3,}(?:e-?\d+)?/g, (number) => String(Number(Number(number).toFixed(2)))),
    );
  }
}
