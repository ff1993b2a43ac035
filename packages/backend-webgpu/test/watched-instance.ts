import { nodeInstance } from "../src/node-instance.js";

/** The real WebGPU of this runtime. */
export const realInstance = async (): Promise<GPU> =>
  (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu ?? nodeInstance(undefined);

/** The real WebGPU, with something done to every device it opens. */
async function instanceWith(onDevice: (device: GPUDevice) => void): Promise<GPU> {
  const real = await realInstance();
  const requestAdapter: GPU["requestAdapter"] = async (options) => {
    const adapter = await real.requestAdapter(options);
    const requestDevice = adapter?.requestDevice.bind(adapter);
    if (adapter && requestDevice) {
      adapter.requestDevice = async (descriptor) => {
        const device = await requestDevice(descriptor);
        onDevice(device);
        return device;
      };
    }
    return adapter;
  };
  return { requestAdapter } as GPU;
}

/** The real WebGPU that tells of the devices it opens, so that a test can lose one. */
export async function watchedInstance(): Promise<{ gpu: GPU; devices: GPUDevice[] }> {
  const devices: GPUDevice[] = [];
  return { gpu: await instanceWith((device) => devices.push(device)), devices };
}

/** The real WebGPU whose devices do not know their adapter, as in older browsers: kernels then take the ways of GPUs. */
export const anonymousInstance = (): Promise<GPU> =>
  instanceWith((device) => Object.defineProperty(device, "adapterInfo", { value: undefined }));

/** The real WebGPU whose adapter seems to lack something. */
export async function limitedInstance(limits: Record<string, number>): Promise<GPU> {
  const real = await realInstance();
  const requestAdapter: GPU["requestAdapter"] = async (options) => {
    const adapter = await real.requestAdapter(options);
    return adapter && ({ info: adapter.info, features: adapter.features, limits: { ...limits } } as never);
  };
  return { requestAdapter } as GPU;
}
