import { playwright } from "@vitest/browser-playwright";
import type { TestProjectConfiguration } from "vitest/config";
import { findChromium, isolationHeaders, launchOptions } from "./chromium/index.js";
import { watchdog } from "./watchdog.js";

/**
 * Tests that run in a cross-origin isolated page of a headless Chromium, on the sources. Where there is none, their files
 * are listed as skipped with the reason, and one test fails if it was asked for.
 */
export function browserProject(files: string): TestProjectConfiguration {
  const { required, missing } = findChromium();
  if (missing !== undefined) {
    const provide = { missingChromium: { required, reason: missing } };
    return { test: { name: "browser", include: ["testing/without-chromium.ts"], provide } };
  }
  return {
    plugins: [watchdog({ minutes: 4 })],
    resolve: { conditions: ["@denoise-rotator/source", "module", "browser", "import", "default"] },
    server: { headers: isolationHeaders },
    // Found while tests run, it would reload their page.
    optimizeDeps: { include: ["fast-check"] },
    define: { "process.env.FC_SEED": JSON.stringify(process.env.FC_SEED ?? null) },
    test: {
      name: "browser",
      include: [files],
      setupFiles: ["./testing/setup.ts"],
      testTimeout: 60_000,
      hookTimeout: 120_000,
      maxWorkers: 1,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: launchOptions() }),
        instances: [{ browser: "chromium" }],
      },
    },
  };
}
