import { type Backend, createCpuBackend, OptionError } from "@denoise-rotator/core";

export const backendNames = ["wasm", "webgpu", "gpujs", "cpu"] as const;
export type BackendName = (typeof backendNames)[number];
/** What gpu.js builds its kernels for; `auto`: the first of the others there is. */
export const gpuModes = ["auto", "webgpu", "webgl2", "cpu"] as const;

/** How a backend computes. Each option belongs to one backend and is refused by the others. */
export interface BackendTuning {
  /** Of `wasm`: threads; default: what the machine has, at most 8. Results do not depend on it. */
  readonly threads?: number;
  /** Of `wasm`: experimental 256-bit kernels; default false. */
  readonly turbo?: boolean;
  /** Of `webgpu`: part of the name of the adapter to open; default: the implementation's choice. */
  readonly adapter?: string;
  /** Of `webgpu`: products of 16-bit factors (summed in f32), where the adapter has `shader-f16`; default false. */
  readonly f16?: boolean;
  /** Of `gpujs`: what its kernels are built for; a mode that cannot run is an error. Default `auto`. */
  readonly gpuMode?: (typeof gpuModes)[number];
}

interface BackendEntry {
  /** Whether it computes on one device that threads cannot share out. */
  readonly device?: true;
  readonly takes: readonly (keyof BackendTuning)[];
  /** Imports the backend's package only now: who never asks for a backend needs nothing of it. */
  open(tuning: BackendTuning, onNotice: (notice: string) => void): Promise<Backend>;
}

const backends: Readonly<Record<BackendName, BackendEntry>> = {
  wasm: {
    takes: ["threads", "turbo"],
    async open(tuning, onNotice) {
      const { wasm } = await import("@denoise-rotator/backend-wasm");
      return wasm({ ...tuning, onNotice });
    },
  },
  webgpu: {
    device: true,
    takes: ["adapter", "f16"],
    async open(tuning) {
      const { webgpu } = await import("@denoise-rotator/backend-webgpu");
      return webgpu(tuning);
    },
  },
  gpujs: {
    device: true,
    takes: ["gpuMode"],
    async open({ gpuMode = "auto" }, onNotice) {
      const { gpujs } = await import("@denoise-rotator/backend-gpujs");
      return gpujs({ mode: gpuMode, onNotice });
    },
  },
  cpu: { takes: [], open: async () => createCpuBackend() },
};

/** Whether jobs on the backend should take turns on one device rather than run on threads of their own. */
export const isDevice = (name: BackendName): boolean => backends[name].device === true;

const flags: Readonly<Record<keyof BackendTuning, string>> = {
  threads: "--threads",
  turbo: "--turbo",
  adapter: "--adapter",
  f16: "--f16",
  gpuMode: "--gpu-mode",
};
const tuningKeys = Object.keys(flags) as (keyof BackendTuning)[];

/**
 * A backend by its name on the command line; the caller disposes of it. Notices go to standard error unless `onNotice`
 * takes them.
 *
 * @throws OptionError for a name that is none, or an option of another backend.
 * @throws BackendError (or what the backend's package throws) where it cannot run here, saying what is missing.
 */
export async function openBackend(
  name: BackendName,
  tuning: BackendTuning = {},
  onNotice: (notice: string) => void = (notice) => process.stderr.write(`${notice}\n`),
): Promise<Backend> {
  if (!backendNames.includes(name)) {
    throw new OptionError(`--backend ${name}: choose one of ${backendNames.join(", ")}`);
  }
  return backends[name].open(tuningFor(name, tuning), onNotice);
}

/** A backend of a run: opened by name and disposed of at the end, or one of the caller's, which stays. */
export async function borrowBackend(
  choice: BackendName | Backend,
  tuning: BackendTuning,
): Promise<{ readonly device: Backend; dispose(): Promise<void> }> {
  if (typeof choice === "string") {
    const device = await openBackend(choice, tuning);
    return { device, dispose: () => device.dispose() };
  }
  refuse(tuningKeys, tuning, "a backend that is open already");
  return { device: choice, dispose: async () => {} };
}

/** What of `tuning` (which may hold other things besides) the backend takes. */
function tuningFor(name: BackendName, tuning: BackendTuning): BackendTuning {
  const { takes } = backends[name];
  refuse(
    tuningKeys.filter((key) => !takes.includes(key)),
    tuning,
    `--backend ${name}`,
  );
  return Object.fromEntries(takes.flatMap((key) => (tuning[key] === undefined ? [] : [[key, tuning[key]]])));
}

function refuse(keys: readonly (keyof BackendTuning)[], tuning: BackendTuning, where: string): void {
  for (const key of keys) {
    if (tuning[key] === undefined) continue;
    const owners = backendNames.filter((name) => backends[name].takes.includes(key));
    throw new OptionError(`${flags[key]}: an option of --backend ${owners.join(" or ")}, not of ${where}`);
  }
}
