import type { TypedTensor } from "onnxruntime-web";
import type { Dense } from "../contender.js";
import type { OnnxRuntime } from "./onnxruntime.js";

/** From WebGPU's specification. */
const bufferUsage = { mapRead: 1, copySource: 4, copyDestination: 8, storage: 128 };
const mapModeRead = 1;

/** Inputs on ONNX Runtime's device; it is there once a session has been made. */
export async function gpuFeeds(runtime: OnnxRuntime, inputs: readonly Dense[]) {
  const device = await deviceOf(runtime);
  const buffers = inputs.map(({ data }) => {
    const usage = bufferUsage.storage | bufferUsage.copySource | bufferUsage.copyDestination;
    const buffer = device.createBuffer({ size: Math.max(16, data.byteLength), usage });
    device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
    return buffer;
  });
  const feeds = Object.fromEntries(
    inputs.map(({ shape }, i) => [
      `x${i}`,
      runtime.Tensor.fromGpuBuffer(buffers[i]! as never, { dataType: "float32", dims: shape }),
    ]),
  );
  return {
    feeds,
    free() {
      for (const buffer of buffers) buffer.destroy();
    },
  };
}

/** Waits until `x` has been computed: reads its first element. */
export async function readGpuElement(runtime: OnnxRuntime, x: TypedTensor<"float32">): Promise<void> {
  const device = await deviceOf(runtime);
  const staging = device.createBuffer({ size: 4, usage: bufferUsage.mapRead | bufferUsage.copyDestination });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(x.gpuBuffer as never, 0, staging, 0, 4);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(mapModeRead);
  staging.destroy();
}

const deviceOf = async (runtime: OnnxRuntime): Promise<GPUDevice> =>
  (await runtime.env.webgpu.device) as unknown as GPUDevice;
