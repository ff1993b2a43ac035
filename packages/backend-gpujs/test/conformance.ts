import {
  type ConformanceOptions,
  coreOpTable,
  describeBackend,
  gradientCases,
  type TestRunner,
  tolerances,
} from "@denoise-rotator/backend-testkit";
import { gpujs, type Mode } from "../src/index.js";

// WGSL and GLSL let devices flush subnormal results to zero, and SwiftShader does.
const flushed = { signedZero: true, flush: true } as const;

const device: ConformanceOptions = {
  runs: 20,
  subnormals: false,
  tolerances: {
    add: flushed,
    sub: flushed,
    mul: flushed,
    square: flushed,
    sum: { ...tolerances.sum, flush: true },
  },
};

// Mode cpu is plain JavaScript and loses nothing.
const options: Record<Mode, ConformanceOptions> = { cpu: { runs: 40 }, webgpu: device, webgl2: device };

/** Declares the whole testkit on a mode of gpu.js, for any test runner, in Node or a page. */
export function describeMode(mode: Mode, runner: TestRunner, overrides: ConformanceOptions = {}): void {
  const create = () => gpujs({ mode, onNotice() {} });
  describeBackend(`gpujs ${mode}`, create, runner, {
    ...options[mode],
    ...overrides,
    cases: gradientCases(coreOpTable),
  });
}
