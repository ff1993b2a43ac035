import { defineConfig } from "vitest/config";
import { browserProject } from "./testing/browser-project.js";
import { LongestFirst } from "./testing/longest-first.js";

// Tests read the sources of sibling packages; `e2e/` tests what was built and packed.
const conditions = ["@denoise-rotator/source", "module", "node", "import", "default"];

export default defineConfig({
  test: {
    // Vitest would leave a core to itself, which does little: on two, all files would run one after another.
    maxWorkers: "100%",
    sequence: { sequencer: LongestFirst },
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
