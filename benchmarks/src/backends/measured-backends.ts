import type { Backend } from "@denoise-rotator/core";
import { type BackendName, type BackendTuning, openBackend } from "@denoise-rotator/denoise-rotator";

interface Variant {
  readonly backend: BackendName;
  readonly tuning: BackendTuning;
  /** The same for the command line. */
  readonly flags: readonly string[];
}

/** Backends by the names that suites over backends take in `--contenders`. */
export const measuredBackends = {
  cpu: { backend: "cpu", tuning: {}, flags: [] },
  wasm: { backend: "wasm", tuning: {}, flags: [] },
  "wasm-turbo": { backend: "wasm", tuning: { turbo: true }, flags: ["--turbo"] },
  webgpu: { backend: "webgpu", tuning: {}, flags: [] },
  "gpujs-webgpu": { backend: "gpujs", tuning: { gpuMode: "webgpu" }, flags: ["--gpu-mode", "webgpu"] },
  "gpujs-cpu": { backend: "gpujs", tuning: { gpuMode: "cpu" }, flags: ["--gpu-mode", "cpu"] },
} as const satisfies Record<string, Variant>;

export type MeasuredBackend = keyof typeof measuredBackends;
export const measuredBackendNames = Object.keys(measuredBackends) as MeasuredBackend[];

export async function openMeasured(name: MeasuredBackend): Promise<Backend> {
  const { backend, tuning }: Variant = measuredBackends[name];
  const notices: string[] = [];
  const device = await openBackend(backend, tuning, (notice) => notices.push(notice));
  if (notices.length === 0) return device;
  await device.dispose();
  throw new Error(notices.join("; "));
}

/** The backend with its adapter, as columns and rows of tables are headed. */
export function labelOf(name: MeasuredBackend, { adapter }: Readonly<Record<string, unknown>>): string {
  if (typeof adapter !== "string" || adapter === "") return name;
  return `${name}, ${/swiftshader|llvmpipe|[^(]+/i.exec(adapter)![0].trim()}`;
}
