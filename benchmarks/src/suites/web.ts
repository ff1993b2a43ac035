import type { BenchResult } from "@denoise-rotator/bench";
import { measurePage } from "../page/measure-page.js";
import { buildPage, servePage } from "../page/page-server.js";

/** Builds the page and serves it until Ctrl-C. */
export async function serveUntilStopped(
  port: number | undefined,
  progress: (line: string) => void,
): Promise<void> {
  await buildPage();
  const page = await servePage(port);
  progress(`${page.url} (Ctrl-C ends; the files are in benchmarks/web/dist)`);
  await new Promise<void>((resolve) => process.once("SIGINT", resolve));
  await page.close();
}

export interface WebSuiteOptions {
  readonly quick: boolean;
  readonly full: boolean;
  readonly works?: readonly string[] | undefined;
  readonly contenders?: readonly string[] | undefined;
  readonly rounds?: number | undefined;
  readonly patience?: number | undefined;
  readonly port?: number | undefined;
  readonly progress: (line: string) => void;
}

/** Runs the page in headless Chromium as a user would, and gives what it exports. */
export async function measureInChromium(options: WebSuiteOptions): Promise<BenchResult> {
  const { quick, full, works, contenders, rounds, patience, progress } = options;
  await buildPage();
  const page = await servePage(options.port);
  try {
    const set = quick ? "quick" : full ? "full" : "standard";
    const run = { set, works, contenders, rounds, patience };
    const { result, complaints } = await measurePage(page.url, run, { timeout: 3_600_000, progress });
    for (const complaint of complaints) progress(`the page's console: ${complaint}`);
    return result;
  } finally {
    await page.close();
  }
}
