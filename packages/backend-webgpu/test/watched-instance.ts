import { nodeInstance } from "../src/node-instance.js";

/** The real WebGPU of this runtime. */
export const realInstance = async (): Promise<GPU> =>
  (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu ?? nodeInstance(undefined);

/** The real WebGPU that tells of the devices it opens, so that a test can lose one. */
export async function watchedInstance(): Promise<{ gpu: GPU; devices: GPUDevice[] }> {
  const real = await realInstance();
  const devices: GPUDevice[] = [];
  const requestAdapter: GPU["requestAdapter"] = async (options) => {
    const adapter = await real.requestAdapter(options);
    const requestDevice = adapter?.requestDevice.bind(adapter);
    if (adapter && requestDevice) {
      adapter.requestDevice = async (descriptor) => {
        const device = await requestDevice(descriptor);
        devices.push(device);
        return device;
      };
    }
    return adapter;
  };
  return { gpu: { requestAdapter } as GPU, devices };
}

/** The real WebGPU whose adapter seems to lack something. */
export async function limitedInstance(limits: Record<string, number>): Promise<GPU> {
  const real = await realInstance();
  const requestAdapter: GPU["requestAdapter"] = async (options) => {
    const adapter = await real.requestAdapter(options);
    return adapter && ({ info: adapter.info, features: adapter.features, limits: { ...limits } } as never);
  };
  return { requestAdapter } as GPU;
}
