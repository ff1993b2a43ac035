import type { Backend, DeviceBuffer, RequiredKernels } from "../backend.js";
import { BackendError } from "../errors.js";
import { sizeOf } from "../shape.js";
import { binary, select, unary } from "./elementwise.js";
import { argsort, gather, scatterAdd, smallest } from "./indexing.js";
import { matmul } from "./matmul.js";
import { bytesOf, type HostBuffer, load, store } from "./memory.js";
import { choleskyPanel, qrPanel, triangularSolve } from "./panels.js";
import { reduce } from "./reduce.js";

const kernels: RequiredKernels = {
  fill: (out, value) => store(out, new Float64Array(sizeOf(out.shape)).fill(value)),
  copy: (x, out) => store(out, load(x)),
  unary,
  binary,
  select,
  reduce,
  matmul,
  gather,
  scatterAdd,
  argsort,
  smallest,
  triangularSolve,
  choleskyPanel,
  qrPanel,
};

/**
 * The backend in plain TypeScript: every kernel as the contract words it, computed in f64 and rounded when stored. It
 * is the specification other backends are tested against, and it stores every dtype.
 */
export function createCpuBackend(): Backend {
  let allocated = 0;
  let disposed = false;
  const read = (buffer: DeviceBuffer, byteOffset: number, byteLength: number) =>
    new Uint8Array(bytesOf(buffer).slice(byteOffset, byteOffset + byteLength));
  return {
    name: "cpu",
    capabilities: {
      dtypes: ["f32", "f64", "i32", "bool", "f16", "bf16"],
      hostKernels: [],
      maxBufferBytes: 2 ** 32,
      halfFactors: true,
      allocatedBytes: () => allocated,
      description: { kernels: "TypeScript, f64" },
    },
    kernels,
    allocate(byteLength): HostBuffer {
      if (disposed) throw new BackendError("the cpu backend was disposed of; create a new one");
      allocated += byteLength;
      return { bytes: new ArrayBuffer(byteLength) };
    },
    free(buffer) {
      allocated -= bytesOf(buffer).byteLength;
      (buffer as HostBuffer).bytes = undefined;
    },
    write: (buffer, byteOffset, bytes) => new Uint8Array(bytesOf(buffer)).set(bytes, byteOffset),
    read: async (buffer, byteOffset, byteLength) => read(buffer, byteOffset, byteLength),
    readSync: read,
    flush() {},
    async dispose() {
      disposed = true;
    },
  };
}

function createSharedCpu(): Backend {
  return { ...createCpuBackend(), async dispose() {} };
}

/** The shared cpu backend, the default of new tensors. It holds no device: `dispose()` leaves it usable. */
export const cpu: Backend = /* @__PURE__ */ createSharedCpu();
