import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  /** Widest vectors the CPU has, in bits, where the system tells. Native contenders may use them. */
  readonly vectorBits: number | null;
}

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${arch()}`,
    vectorBits: vectorBits(),
  };
}

function vectorBits(): number | null {
  if (!existsSync("/proc/cpuinfo")) return null;
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" ");
  if (!flags) return null;
  return flags.includes("avx512f") ? 512 : flags.includes("avx2") ? 256 : 128;
}

/** Versions of the engine that runs this process. */
export const engineVersions = (): Record<string, string> => ({
  node: process.version,
  v8: process.versions.v8,
});

const require = createRequire(import.meta.url);

/** Version of an installed package, from the `package.json` above its entry. */
export function versionOf(name: string): string {
  for (const base of require.resolve.paths(name) ?? []) {
    const path = join(base, name, "package.json");
    if (existsSync(path)) return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
  }
  throw new Error(`${name} is not installed below ${dirname(process.argv[1] ?? ".")}`);
}
