import type { Library } from "../library/library.js";
import type { Device } from "./device.js";
import { KernelCache } from "./kernel-cache.js";

/** gpu.js's kernels as plain JavaScript functions. */
export function openCpu(library: Library): Device {
  const kernels = new KernelCache("cpu", new library({ mode: "cpu" }), library.CPUKernel, "Array");
  return {
    mode: "cpu",
    maxLength: 2 ** 29,
    description: {},
    upload: (values) => ({ length: values.length, handle: values }),
    download: async ({ handle }) => (handle as Float32Array).slice(),
    async run(source, args, length) {
      const kernel = kernels.get(source, length);
      const values = Object.keys(source.arguments).map((name) => {
        const value = args[name]!;
        return typeof value === "number" ? value : value.handle;
      });
      const handle = kernel(...values) as Float32Array;
      kernels.assertBuilt(kernel, source);
      return { length, handle };
    },
    release() {},
    check() {},
    dispose: () => kernels.clear(),
  };
}
