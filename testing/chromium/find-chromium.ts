import { existsSync } from "node:fs";

/** Where the tests' Chromium is, and why tests in it cannot run if it is missing. */
export interface FoundChromium {
  readonly path: string;
  /** Whether one was asked for, as CI does, which installs it: tests then fail where it is missing. */
  readonly required: boolean;
  /** Why there is none; `undefined` if there is. */
  readonly missing: string | undefined;
}

/** The environment's `CHROMIUM`, else Debian's. */
export function findChromium(): FoundChromium {
  const asked = process.env.CHROMIUM || undefined;
  const path = asked ?? "/usr/bin/chromium";
  const missing = existsSync(path) ? undefined : `no Chromium at ${path}; CHROMIUM=PATH names one`;
  return { path, required: asked !== undefined, missing };
}
