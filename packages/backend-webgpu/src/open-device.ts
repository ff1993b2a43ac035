import { AdapterLimitError, NoAdapterError, WebgpuMissingError } from "./errors.js";
import { isNode, nodeInstance } from "./node-instance.js";
import type { WebgpuOptions } from "./options.js";

export interface OpenedDevice {
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo;
  readonly engine: string;
  /** Kept referenced as long as the device is. */
  readonly instance: GPU;
}

/** What kernels take for granted; WebGPU's own minimum everywhere but in compatibility mode. */
const needed = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 27,
} as const;

/** Limits asked for at the adapter's maximum. */
const raised = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
] as const;

/** Throws {@link WebgpuMissingError}, {@link NoAdapterError} or {@link AdapterLimitError}. */
export async function openDevice(options: WebgpuOptions): Promise<OpenedDevice> {
  const instance = await findInstance(options);
  const adapter = await requestAdapter(instance, options);
  for (const [name, least] of Object.entries(needed)) {
    const value = adapter.limits[name as keyof typeof needed];
    if (!(value >= least)) {
      throw new AdapterLimitError(
        `${nameOf(adapter.info)}: ${name} is ${value}, ${least} is needed; choose another adapter or backend`,
      );
    }
  }
  if (options.f16 && !adapter.features.has("shader-f16")) {
    throw new AdapterLimitError(`${nameOf(adapter.info)} has no shader-f16; leave the option f16 out`);
  }
  const requiredFeatures: GPUFeatureName[] = [];
  if (options.f16) requiredFeatures.push("shader-f16");
  if (options.profile && adapter.features.has("timestamp-query")) requiredFeatures.push("timestamp-query");
  if (adapter.features.has("subgroups")) requiredFeatures.push("subgroups" as GPUFeatureName);
  const requiredLimits: Record<string, number> = {};
  for (const name of raised) requiredLimits[name] = adapter.limits[name];
  const device = await adapter
    .requestDevice({ requiredFeatures, requiredLimits, label: "denoise-rotator" })
    .catch((error) => {
      throw new AdapterLimitError(
        `${nameOf(adapter.info)} gives no device (${error instanceof Error ? error.message.trim() : error}); ` +
          "choose another adapter or backend",
      );
    });
  return { device, info: adapter.info, engine: await describeEngine(options), instance };
}

const pageInstance = (): GPU | undefined => (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;

async function findInstance(options: WebgpuOptions): Promise<GPU> {
  if (options.gpu) return options.gpu as unknown as GPU;
  const page = pageInstance();
  // A Node whose user made a navigator.gpu has adapters to choose from all the same.
  if (page && !(isNode() && options.adapter !== undefined)) return page;
  if (isNode()) return nodeInstance(options.adapter);
  throw new WebgpuMissingError(
    "this page has no navigator.gpu: WebGPU takes a secure context (https or localhost) and a browser that has it; " +
      "in Chromium on Linux start it with --enable-unsafe-webgpu",
  );
}

async function requestAdapter(instance: GPU, options: WebgpuOptions): Promise<GPUAdapter> {
  const request: GPURequestAdapterOptions = {};
  if (options.powerPreference) request.powerPreference = options.powerPreference;
  if (options.forceFallback) request.forceFallbackAdapter = true;
  let reason = "";
  try {
    const adapter = await instance.requestAdapter(request);
    if (adapter) return adapter;
  } catch (error) {
    reason = ` (${error instanceof Error ? error.message.trim() : error})`;
  }
  throw new NoAdapterError(
    `WebGPU found no adapter${options.adapter === undefined ? "" : ` named ${options.adapter}`}${reason}; ${
      isNode()
        ? "install a Vulkan driver, or point VK_DRIVER_FILES to the ICD file of a software one, such as " +
          "/usr/lib/chromium/vk_swiftshader_icd.json of Debian's package chromium, with libvulkan1 installed"
        : "look at chrome://gpu; Chromium without a known GPU takes --enable-unsafe-webgpu"
    }`,
  );
}

const nameOf = (info: GPUAdapterInfo): string =>
  info.description || [info.vendor, info.architecture].filter(Boolean).join(" ") || "the adapter";

async function describeEngine(options: WebgpuOptions): Promise<string> {
  if (options.gpu) return "given";
  const { navigator, process } = globalThis as {
    navigator?: { userAgent?: string; gpu?: GPU };
    process?: { versions?: { node?: string } };
  };
  if (navigator?.gpu) return navigator.userAgent ?? "navigator.gpu";
  return `webgpu in Node ${process?.versions?.node}`;
}
