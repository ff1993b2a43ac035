import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { launchOptions } from "../../chromium/index.js";
import { watchdog } from "../../watchdog.js";

export default defineConfig({
  plugins: [watchdog({ minutes: 0.05 })],
  test: {
    include: ["page-in-a-loop.ts"],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: launchOptions() }),
      instances: [{ browser: "chromium" }],
    },
  },
});
