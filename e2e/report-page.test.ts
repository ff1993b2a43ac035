import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseRunRecord, renderReport } from "@denoise-rotator/report";
import { type Browser, findChromium, launchChromium, type Page } from "@denoise-rotator/testing/chromium";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const { required, missing } = findChromium();
const skip = missing !== undefined && !required;
const because = skip ? ` (${missing})` : "";

const record = parseRunRecord(
  readFileSync(fileURLToPath(new URL("../packages/report/test/fixtures/run.json", import.meta.url)), "utf8"),
);
/** As many blocks as a real model has, of unequal sparsity, learned together. */
const blocks = Array.from({ length: 32 }, (_, index) => {
  const block = record.blocks[index % 4]!;
  const sites = block.sites.map((site, i) => ({
    ...site,
    sparsity: 0.4 + (((7 * index + i) % 13) * 0.2) / 13,
  }));
  return { ...block, sites, picture: null, reconstruction: { before: 0.02, after: 0.01 } };
});
/** Without anything that a run may lack. */
const bare = record.blocks.map((block) => ({
  ...block,
  rotation: null,
  picture: block.picture && { ...block.picture, importance: null },
  sites: block.sites.map((site) => ({ ...site, entropy: null, prunable: null, held: null })),
}));
const pages = {
  whole: record,
  "32 blocks": { ...record, blocks },
  bare: {
    ...record,
    blocks: bare,
    evaluation: null,
    options: { ...record.options, rotate: "none" as const },
  },
};

/** What a page shows: the label of each axis of its figures, and texts that leave their figure or lie over one another. */
function look() {
  const figures = Array.from(document.querySelectorAll("svg"), (svg) => {
    const labels = (axis: string) =>
      Array.from(
        svg.querySelectorAll(`[aria-label="${axis}-axis label"] text`),
        (text) => text.textContent ?? "",
      );
    const ticks = (axis: string) =>
      svg.querySelectorAll(`[aria-label="${axis}-axis tick label"] text`).length;
    const frame = svg.getBoundingClientRect();
    const boxes = Array.from(svg.querySelectorAll("text"))
      .filter((text) => text.textContent !== "")
      .map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
    const outside = boxes
      .filter(
        ({ box }) =>
          box.left < frame.left - 4 || box.right > frame.right + 8 || box.bottom > frame.bottom + 4,
      )
      .map(({ text }) => text);
    const over = boxes.flatMap((a, i) =>
      boxes.slice(i + 1).flatMap((b) => {
        const [wide, high] = [
          Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left),
          Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top),
        ];
        return wide > 1 && high > 3 ? [`${a.text} / ${b.text}`] : [];
      }),
    );
    return {
      alt: svg.getAttribute("aria-label") ?? "",
      width: frame.width,
      shapes: svg.querySelectorAll("path, rect, circle").length,
      x: { label: labels("x").join(), ticks: ticks("x") },
      y: { label: labels("y").join(), ticks: ticks("y") },
      outside,
      over,
    };
  });
  const style = getComputedStyle(document.body);
  return {
    figures,
    paper: style.backgroundColor,
    ink: style.color,
    sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };
}

describe.skipIf(skip)(`the page in Chromium${because}`, () => {
  let browser: Browser;
  let folder: string;
  let page: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "denoise-rotator-report-"));
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("request", (request) => {
      if (!/^(file|data):/.test(request.url())) problems.push(`asked for ${request.url()}`);
    });
  });
  afterAll(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  async function open(name: keyof typeof pages) {
    const file = join(folder, `${name}.html`);
    writeFileSync(file, renderReport(pages[name]));
    await page.goto(pathToFileURL(file).href);
  }

  it.each(Object.keys(pages) as (keyof typeof pages)[])(
    "should show %s with every axis labelled, in its frame and nothing over anything else",
    async (name) => {
      await open(name);
      const { figures, sideways } = await page.evaluate(look);
      expect(figures.length).toBeGreaterThanOrEqual(3);
      for (const { alt, width, shapes, x, y, outside, over } of figures) {
        expect(width, alt).toBeGreaterThan(100);
        expect(shapes, alt).toBeGreaterThan(0);
        expect(x, alt).toMatchObject({ label: expect.stringMatching(/^\S/) });
        expect(x.ticks, alt).toBeGreaterThan(0);
        // A band of names is its own label.
        if (y.label === "")
          expect(alt).toMatch(/site and block|Time by stage|Perplexities|before and after reconstruction/);
        expect(y.ticks, alt).toBeGreaterThan(0);
        expect(outside, alt).toEqual([]);
        expect(over, alt).toEqual([]);
      }
      expect(sideways).toBe(0);
      expect(problems).toEqual([]);
    },
  );

  it("should be dark where dark is asked for, light on paper, and fit a telephone", async () => {
    await open("whole");
    const light = await page.evaluate(look);
    expect(light).toMatchObject({ paper: "rgb(255, 255, 255)", ink: "rgb(22, 24, 29)" });
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await page.evaluate(look);
    expect(dark).toMatchObject({ paper: "rgb(20, 22, 26)", ink: "rgb(232, 234, 238)" });
    const fills = () =>
      Array.from(
        document.querySelectorAll("svg path[fill^='var(--level-']"),
        (path) => getComputedStyle(path).fill,
      );
    const inDark = new Set(await page.evaluate(fills));
    await page.emulateMedia({ colorScheme: "dark", media: "print" });
    expect((await page.evaluate(look)).paper).toBe("rgb(255, 255, 255)");
    const onPaper = new Set(await page.evaluate(fills));
    expect(onPaper.size).toBe(16);
    expect([...inDark].filter((fill) => onPaper.has(fill))).toEqual([]);
    await page.emulateMedia({ colorScheme: null, media: null });
    await page.setViewportSize({ width: 380, height: 800 });
    expect((await page.evaluate(look)).sideways).toBe(0);
    await page.setViewportSize({ width: 1000, height: 900 });
    const pdf = await page.pdf({ format: "A4" });
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    expect(problems).toEqual([]);
  });
});
