import * as Plot from "@observablehq/plot";
import { Html } from "./html.js";

/** Colours of 16 levels from a scheme of d3, from `from` to `to` of it, as declarations; text on a level is dark or light. */
function levels(scheme: Plot.ColorScheme, from: number, to: number): string {
  const { apply } = Plot.scale({ color: { type: "sequential", scheme, domain: [0, 1] } });
  return Array.from({ length: 16 }, (_, level) => {
    const color = String(apply(from + (level / 15) * (to - from)));
    return `--level-${level}:${color};--on-level-${level}:${luminance(color) > 0.4 ? "#16181d" : "#fff"};`;
  }).join("");
}

/** Relative luminance of `rgb(…)` or `#rrggbb`, without gamma's finer points. */
function luminance(color: string): number {
  const parts = color.startsWith("#")
    ? [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16))
    : (color.match(/\d+/g) ?? []).map(Number);
  const [red, green, blue] = parts.map((part) => (part / 255) ** 2.2) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const light = `--paper:#fff;--ink:#16181d;--muted:#5b6270;--grid:#dfe2e8;--panel:#f6f7f9;--dense:#16181d;--before:#a8763e;--after:#0b62a4;`;
const dark = `--paper:#14161a;--ink:#e8eaee;--muted:#9aa1ae;--grid:#343a45;--panel:#1c1f25;--dense:#e8eaee;--before:#e0a15e;--after:#6bb5f2;`;

/** The page's style sheet: light, dark, narrow and on paper. */
export const style = (): Html =>
  new Html(`
:root{${light}${levels("ylgnbu", 0.02, 1)}color-scheme:light dark}
@media screen and (prefers-color-scheme:dark){:root{${dark}${levels("viridis", 0, 1)}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:944px;margin:0 auto;padding:40px 32px 80px}
header{margin-bottom:40px}
.kind{margin:0;color:var(--muted);font-size:13px;letter-spacing:.04em}
h1{margin:4px 0 6px;font-size:30px;line-height:1.2;letter-spacing:-.01em;text-wrap:balance}
.model{margin:0;color:var(--muted);overflow-wrap:anywhere}
section{margin:0 0 52px}
h2{margin:0 0 18px;padding-top:14px;border-top:1px solid var(--grid);font-size:20px;line-height:1.3}
h3{margin:0 0 4px;font-size:13px;font-weight:600}
h3.layer{font-size:16px;margin-bottom:10px}
p{margin:0 0 14px}
figure{margin:0 0 34px}
figcaption{margin-top:8px;color:var(--muted);font-size:14px;line-height:1.5;max-width:70ch}
svg{display:block;max-width:100%;height:auto;overflow:visible;font-family:inherit;font-size:11.5px}
svg text{white-space:pre}
svg [aria-label$="axis tick label"],svg [aria-label$="axis label"]{fill:var(--muted)}svg [aria-label$="axis tick"]{stroke:var(--grid)}
svg [aria-label$="grid"]{stroke:var(--grid);stroke-opacity:1}
.absent{padding:12px 16px;background:var(--panel);border-left:3px solid var(--grid);color:var(--muted);font-size:14px}
.tiles{display:flex;flex-wrap:wrap;gap:14px 40px;margin:0 0 26px}
.tiles div{min-width:120px;padding-left:12px;border-left:3px solid var(--color,var(--grid))}
.tiles dt{color:var(--muted);font-size:13px}
.tiles dd{margin:0;font-size:28px;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums;white-space:nowrap}
.tiles small{font-size:14px;font-weight:400;color:var(--muted)}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;margin:0 0 12px;padding:0;list-style:none;font-size:13px}
.swatch{display:inline-block;width:18px;height:4px;margin-right:7px;vertical-align:middle;border-radius:2px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.ramp{display:flex;flex-wrap:wrap;align-items:center;gap:4px 10px;margin:6px 0 14px;font-size:12px;color:var(--muted);font-variant-numeric:tabular-nums}
.ramp .bar{display:inline-flex;height:10px;width:176px}
.ramp i{flex:1;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:20px 8px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(260px,1fr));gap:12px 16px}
.panel h3{padding-left:54px}.pair .panel h3{padding-left:44px}.grids h3{padding-left:48px}.grids{display:flex;flex-wrap:wrap;gap:16px 40px}.grids.few{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));max-width:800px}
details{margin:0 0 14px}
summary{cursor:pointer;font-size:14px;margin-bottom:10px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
caption{caption-side:top;text-align:left;color:var(--muted);padding-bottom:6px}
th,td{padding:3px 10px 3px 0;text-align:right;border-bottom:1px solid var(--grid);font-weight:400;vertical-align:top}
thead th{font-weight:600}
th:nth-child(-n+2),td:nth-child(2){text-align:left}
.options td{overflow-wrap:anywhere}
.options th{white-space:nowrap}
.command{margin:0 0 14px;padding:12px 16px;background:var(--panel);border-radius:4px;font-size:13px;line-height:1.5;white-space:pre-wrap;overflow-wrap:anywhere}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
@media screen and (max-width:700px){.plot.wide{overflow-x:auto;overflow-y:hidden}.plot.wide svg{max-width:none;width:auto;min-width:720px;height:auto}.grids.few{grid-template-columns:1fr}}
@media screen and (max-width:560px){main{padding:24px 16px 48px}h1{font-size:24px}.tiles dd{font-size:24px}}
@media print{@page{margin:16mm}details::details-content{content-visibility:visible}.panels{grid-template-columns:repeat(4,1fr);gap:10px 4px}.tiles{gap:10px 24px}.tiles dd{font-size:20px}.tiles small{font-size:12px}body{font-size:10.5pt}main{max-width:none;padding:0}section{margin-bottom:24px}figure,.panel,tr,.tiles{break-inside:avoid}h2,h3,caption{break-after:avoid}thead{display:table-header-group}svg *{print-color-adjust:exact;-webkit-print-color-adjust:exact}.scroll{overflow:visible}}
`);
