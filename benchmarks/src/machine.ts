import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
}

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${arch()}`,
  };
}

const require = createRequire(import.meta.url);

/** Version of an installed package, from the `package.json` above its entry. */
export function versionOf(name: string): string {
  for (const base of require.resolve.paths(name) ?? []) {
    try {
      const text = readFileSync(join(base, name, "package.json"), "utf8");
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      // Not installed here; the next folder up may have it.
    }
  }
  throw new Error(`${name} is not installed below ${dirname(process.argv[1] ?? ".")}`);
}
