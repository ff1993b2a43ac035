import { readFile } from "node:fs/promises";
import { type BenchResult, parseBenchResult } from "@denoise-rotator/bench";
import { launchChromium } from "@denoise-rotator/testing/chromium";

export interface PageRun {
  readonly set: string;
  /** Kinds of works; default: all of the set. */
  readonly works?: readonly string[] | undefined;
  /** Default: everybody. */
  readonly contenders?: readonly string[] | undefined;
  readonly rounds?: number | undefined;
  readonly sampleMilliseconds?: number | undefined;
  /** Seconds; who takes longer for one run is left out. */
  readonly patience?: number | undefined;
  readonly baseline?: string | undefined;
}

export interface MeasuredPage {
  /** From the file that the page lets one download. */
  readonly result: BenchResult;
  /** Cells of the page's table, by line. */
  readonly table: readonly (readonly string[])[];
  /** Whether a plot was drawn. */
  readonly plotted: boolean;
  /** What the page shows of the browser. */
  readonly about: string;
  /** Errors and warnings on its console. */
  readonly complaints: readonly string[];
}

export interface MeasurePageOptions {
  /** Milliseconds until it must be done. Default: ten minutes. */
  readonly timeout?: number;
  readonly progress?: (status: string) => void;
}

/** Opens the page at `url` in headless Chromium, runs it as a user would and takes what it shows and exports. */
export async function measurePage(
  url: string,
  run: PageRun,
  { timeout = 600_000, progress = () => {} }: MeasurePageOptions = {},
): Promise<MeasuredPage> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`${url}?${searchOf(run)}`);
    await page.locator("#run:enabled").click();
    const status = page.locator("#status");
    const told = setInterval(
      () =>
        void status.textContent().then(
          (text) => progress(text ?? ""),
          () => {},
        ),
      2000,
    );
    try {
      await page.locator("#download:enabled, #status:has-text('rror')").first().waitFor({ timeout });
    } finally {
      clearInterval(told);
    }
    if (await page.locator("#download").isDisabled())
      throw new Error(`the page says ${await status.textContent()}`);
    const downloading = page.waitForEvent("download");
    await page.locator("#download").click();
    const file = await (await downloading).path();
    const lines = await page.locator("#table tr").all();
    return {
      result: parseBenchResult(JSON.parse(await readFile(file, "utf8"))),
      table: await Promise.all(lines.map((line) => line.locator("th, td").allTextContents())),
      plotted: (await page.locator("#plot svg [aria-label=dot]").count()) > 0,
      about: (await page.locator("#host").textContent()) ?? "",
      complaints,
    };
  } finally {
    await browser.close();
  }
}

function searchOf({ works, contenders, sampleMilliseconds: sample, ...rest }: PageRun): URLSearchParams {
  const fields = { ...rest, works: works?.join(), contenders: contenders?.join(), sample };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
}
