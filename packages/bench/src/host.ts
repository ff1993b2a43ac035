import { Unsupported } from "./contender.js";
import type { Host } from "./result.js";

interface AdapterLike {
  readonly info?: { readonly [key in "vendor" | "architecture" | "device" | "description"]?: string };
  readonly isFallbackAdapter?: boolean;
}

/** What is looked for, in scopes whose types differ. */
interface Scope {
  readonly navigator?: {
    readonly gpu?: { requestAdapter(): Promise<AdapterLike | null> };
    readonly userAgent?: string;
    readonly hardwareConcurrency?: number;
  };
  readonly crossOriginIsolated?: boolean;
  readonly process?: { readonly versions?: { readonly node?: string } };
}

const noWebgpu = "no WebGPU here (navigator.gpu is missing)";

/** For libraries that take WebGPU for granted. Throws {@link Unsupported}. */
export function requireWebgpu(): void {
  if (!(globalThis as unknown as Scope).navigator?.gpu) throw new Unsupported(noWebgpu);
}

/** What a page, a worker or Node can say of the engine and its adapters without importing anything. */
export async function describeHost(): Promise<Host> {
  const { navigator, crossOriginIsolated, process } = globalThis as unknown as Scope;
  const agent = navigator?.userAgent ?? "";
  const node = process?.versions?.node;
  return {
    engine: node === undefined ? engineOf(agent) : `node v${node}`,
    platform: agent,
    cores: navigator?.hardwareConcurrency ?? 1,
    sharedMemory: crossOriginIsolated === true || node !== undefined,
    webgpu: await describeWebgpu(),
    webgl: describeWebgl(),
  };
}

function engineOf(agent: string): string {
  const [, browser, version] = /(Firefox|Edg|HeadlessChrome|Chrome|Version)\/([\d.]+)/.exec(agent) ?? [];
  const names: Record<string, string> = {
    Edg: "Edge",
    HeadlessChrome: "Chromium",
    Chrome: "Chromium",
    Version: "Safari",
  };
  return browser ? `${names[browser] ?? browser} ${version}` : "unknown browser";
}

/** The adapter that this scope's WebGPU gives by default, or why it gives none. */
export async function describeWebgpu(): Promise<string> {
  const { navigator } = globalThis as unknown as Scope;
  if (!navigator?.gpu) return noWebgpu;
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  if (!adapter) return "WebGPU finds no adapter";
  const { vendor, architecture, device, description } = adapter.info ?? {};
  const parts = [vendor, architecture, device, description].filter((part) => part);
  const fallback = adapter.isFallbackAdapter ? " (fallback adapter: software)" : "";
  return `${parts.join(" ") || "an adapter that says nothing of itself"}${fallback}`;
}

/** The renderer of WebGL 2 here, or why there is none. */
export function describeWebgl(): string {
  const Canvas = globalThis.OffscreenCanvas;
  if (!Canvas) return "no OffscreenCanvas here";
  const gl = new Canvas(1, 1).getContext("webgl2");
  if (!gl) return "no WebGL 2 here";
  const extension = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = gl.getParameter(extension ? extension.UNMASKED_RENDERER_WEBGL : gl.RENDERER) as string;
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return renderer;
}
