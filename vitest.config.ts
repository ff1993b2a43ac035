import { defineConfig } from "vitest/config";
import { browserProject } from "./testing/browser-project.js";

// Tests read the sources of sibling packages; `e2e/` tests what was built and packed.
const conditions = ["@denoise-rotator/source", "module", "node", "import", "default"];

export default defineConfig({
  test: {
    projects: [
      {
        ssr: { resolve: { conditions } },
        resolve: { conditions },
        test: {
          name: "node",
          include: [
            "packages/*/test/**/*.test.ts",
            "examples/**/*.test.ts",
            "e2e/**/*.test.ts",
            "docs/**/*.test.ts",
            "benchmarks/test/**/*.test.ts",
            "testing/test/**/*.test.ts",
          ],
          exclude: ["**/node_modules/**", "packages/*/test/browser/**"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          setupFiles: ["./testing/setup.ts"],
        },
      },
      browserProject("packages/*/test/browser/**/*.test.ts"),
    ],
  },
});
