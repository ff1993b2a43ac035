import { defineConfig } from "vitest/config";

export default defineConfig({
  // Tests read the sources of sibling packages; `e2e/` tests what was built and packed.
  ssr: { resolve: { conditions: ["@denoise-rotator/source", "module", "node", "import", "default"] } },
  resolve: { conditions: ["@denoise-rotator/source", "module", "node", "import", "default"] },
  test: {
    include: [
      "packages/*/test/**/*.test.ts",
      "examples/**/*.test.ts",
      "e2e/**/*.test.ts",
      "docs/**/*.test.ts",
      "benchmarks/test/**/*.test.ts",
    ],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    setupFiles: ["./scripts/vitest-setup.ts"],
  },
});
