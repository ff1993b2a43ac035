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
}

/** What a page or a worker can say of the browser and its adapters. */
export async function browserHost(): Promise<Host> {
  const { navigator, crossOriginIsolated } = globalThis as unknown as Scope;
  const agent = navigator?.userAgent ?? "";
  return {
    engine: engineOf(agent),
    platform: agent,
    cores: navigator?.hardwareConcurrency ?? 0,
    sharedMemory: crossOriginIsolated === true,
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
  if (!navigator?.gpu) return "no WebGPU here (navigator.gpu is missing)";
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
