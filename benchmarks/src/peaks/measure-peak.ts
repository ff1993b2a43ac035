/** Prints the peak of one kernel as JSON; a process of its own, since the revectoriser is a flag of the whole engine. */
import { setFlagsFromString } from "node:v8";
import { fmaKernel } from "./fma-kernel.js";

export interface Peak {
  readonly gflops: number;
  /** Whether a multiply-add is one instruction here. */
  readonly fma: boolean;
}

function measurePeak(vectors: 1 | 2): Peak {
  // The flag does not exist in older engines, which ignore it.
  if (vectors === 2) setFlagsFromString("--experimental-wasm-revectorize");
  const fma = WebAssembly.validate(fmaKernel(true, vectors).module as BufferSource);
  // Without relaxed SIMD nothing could be measured but two instructions, a multiplication and an addition.
  const { module, flopsPerTurn } = fmaKernel(fma, vectors);
  const { run } = new WebAssembly.Instance(new WebAssembly.Module(module as BufferSource)).exports as {
    run(turns: number, base: number): void;
  };
  const turns = 200_000;
  const seconds = () => {
    const start = performance.now();
    run(turns, 0);
    return (performance.now() - start) / 1000;
  };
  for (let i = 0; i < 20; i++) seconds();
  return { gflops: (turns * flopsPerTurn) / Math.min(...Array.from({ length: 40 }, seconds)) / 1e9, fma };
}

process.stdout.write(JSON.stringify(measurePeak(process.argv[2] === "2" ? 2 : 1)));
