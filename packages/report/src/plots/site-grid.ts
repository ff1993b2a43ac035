import * as Plot from "@observablehq/plot";
import { siteName } from "../format.js";
import type { Html } from "../html.js";
import { chart } from "./chart.js";
import { centred, wide } from "./sizes.js";

export interface GridCell {
  /** 0-based. */
  readonly block: number;
  readonly role: string;
  readonly value: number;
}

export interface SiteGridOptions {
  readonly alt: string;
  readonly cells: readonly GridCell[];
  /** In the order of their rows. */
  readonly roles: readonly string[];
  readonly blocks: number;
  /** What value has the first and the last colour. */
  readonly domain: readonly [number, number];
  readonly format: (value: number) => string;
}

/** Sites by blocks, a colour for each value, and the value itself where there is room for it. */
export function siteGrid({ alt, cells, roles, blocks, domain, format }: SiteGridOptions): Html {
  const [marginLeft, marginRight] = [48, 8];
  const size = Math.min(72, (wide - marginLeft - marginRight) / blocks);
  const height = 26;
  const level = (value: number) => {
    const share = domain[1] > domain[0] ? (value - domain[0]) / (domain[1] - domain[0]) : 0;
    return Math.min(15, Math.max(0, Math.floor(share * 16)));
  };
  const place = { x: "block", y: ({ role }: GridCell) => siteName(role) } as const;
  const longest = Math.max(...cells.map(({ value }) => format(value).length));
  const roomy = longest * 6.2 < size;
  const all = Array.from({ length: blocks }, (_, block) => block);
  const step = Math.ceil(blocks / 24);
  return chart({
    alt,
    width: marginLeft + marginRight + Math.round(size * blocks),
    height: roles.length * height + 44,
    marginLeft,
    marginRight,
    marginTop: 4,
    marginBottom: 40,
    padding: 0.06,
    x: {
      type: "band",
      domain: all,
      label: "block",
      ...centred,
      tickSize: 0,
      ticks: all.filter((block) => block % step === 0),
    },
    y: { type: "band", domain: roles.map(siteName), label: null, tickSize: 0 },
    marks: [
      Plot.cell(cells, {
        ...place,
        fill: ({ value }: GridCell) => `var(--level-${level(value)})`,
        title: ({ block, role, value }: GridCell) => `block ${block}, ${siteName(role)}: ${format(value)}`,
      }),
      roomy
        ? Plot.text(cells, {
            ...place,
            text: ({ value }: GridCell) => format(value),
            fill: ({ value }: GridCell) => `var(--on-level-${level(value)})`,
            fontVariant: "tabular-nums",
            pointerEvents: "none",
          })
        : null,
    ],
  });
}
