import { computeStage } from "./usage.js";

export interface Pipeline {
  readonly gpu: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/**
 * Compute pipelines by key, and their layouts by the access of their storage buffers: `r` for read, `w` for read and
 * write. Parameters are a uniform buffer with a dynamic offset in group 1.
 */
export class Pipelines {
  readonly paramsLayout: GPUBindGroupLayout;
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, Pipeline>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.#device = device;
    this.paramsLayout = device.createBindGroupLayout({
      label: "params",
      entries: [
        { binding: 0, visibility: computeStage, buffer: { type: "uniform", hasDynamicOffset: true } },
      ],
    });
  }

  get count(): number {
    return this.#pipelines.size;
  }

  get(key: string): Pipeline | undefined {
    return this.#pipelines.get(key);
  }

  create(key: string, label: string, access: string, code: string): Pipeline {
    const layout = this.#layout(access);
    const module = this.#device.createShaderModule({ label, code });
    const gpu = this.#device.createComputePipeline({
      label,
      layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout, this.paramsLayout] }),
      compute: { module, entryPoint: "main" },
    });
    const pipeline = { gpu, layout };
    this.#pipelines.set(key, pipeline);
    return pipeline;
  }

  #layout(access: string): GPUBindGroupLayout {
    let layout = this.#layouts.get(access);
    if (!layout) {
      layout = this.#device.createBindGroupLayout({
        label: `storage ${access}`,
        entries: Array.from(access, (one, binding) => ({
          binding,
          visibility: computeStage,
          buffer: { type: one === "r" ? "read-only-storage" : "storage" },
        })),
      });
      this.#layouts.set(access, layout);
    }
    return layout;
  }
}
