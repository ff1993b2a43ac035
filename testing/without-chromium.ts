import { describe, expect, inject, it } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    missingChromium: { readonly required: boolean; readonly reason: string };
  }
}
declare global {
  interface ImportMeta {
    glob(pattern: string): Record<string, unknown>;
  }
}

// Vite lists the files; none is loaded.
const files = Object.keys(import.meta.glob("../packages/*/test/browser/**/*.test.ts"));
const { required, reason } = inject("missingChromium");

describe("tests in a browser", () => {
  if (required) it("should find the browser that was asked for", () => expect.fail(reason));
  for (const file of files.sort()) it.skip(`${file.slice("../".length)} (${reason})`);
});
