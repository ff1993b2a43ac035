import { KernelError, ModeUnavailableError } from "../errors.js";
import type {
  KernelClass,
  KernelSettings,
  KernelShortcut,
  LibraryInstance,
  LibraryKernel,
  LibraryMode,
} from "../library/library.js";
import type { ArgumentKind, KernelSource } from "../sources/kernel-source.js";

/** What kernels of a mode are called in gpu.js, and where their translated text is. */
const builds = {
  webgpu: {
    name: "WebGPUKernel",
    text: ({ compiledSource }: LibraryKernel) => compiledSource,
    mark: "@compute",
  },
  webgl2: {
    name: "WebGL2Kernel",
    text: ({ compiledFragmentShader }: LibraryKernel) => compiledFragmentShader,
    mark: "#version 300 es",
  },
  cpu: { name: "CPUKernel", text: ({ kernelString }: LibraryKernel) => kernelString, mark: "return (" },
} as const;

export const kernelClassName = (mode: LibraryMode): string => builds[mode].name;

/** Loops whose bound is an argument stop there without a word; the default is 1000. */
const loopMaxIterations = 2 ** 31 - 1;

/** Kernels by name, each translated and compiled once. */
export class KernelCache {
  readonly #mode: LibraryMode;
  readonly #instance: LibraryInstance;
  readonly #kernelClass: KernelClass;
  readonly #arrayType: string;
  readonly #kernels = new Map<string, KernelShortcut>();

  constructor(mode: LibraryMode, instance: LibraryInstance, kernelClass: KernelClass, arrayType: string) {
    this.#mode = mode;
    this.#instance = instance;
    this.#kernelClass = kernelClass;
    this.#arrayType = arrayType;
  }

  get(source: KernelSource, length: number): KernelShortcut {
    let kernel = this.#kernels.get(source.name);
    if (!kernel) {
      const names = Object.keys(source.arguments);
      kernel = this.#instance.createKernel(
        `function(${names.join(", ")}) { ${source.body} }`,
        this.#settings(source, length),
      );
      this.#kernels.set(source.name, kernel);
    } else {
      kernel.setOutput([length]);
    }
    return kernel;
  }

  #settings(source: KernelSource, length: number): KernelSettings {
    const typeOf = (kind: ArgumentKind) =>
      kind === "array" ? this.#arrayType : kind === "integer" ? "Integer" : "Float";
    return {
      argumentTypes: Object.fromEntries(
        Object.entries(source.arguments).map(([name, kind]) => [name, typeOf(kind)]),
      ),
      functions: source.functions,
      output: [length],
      precision: "single",
      tactic: "precision",
      pipeline: true,
      immutable: true,
      dynamicOutput: true,
      dynamicArguments: true,
      fixIntegerDivisionAccuracy: false,
      loopMaxIterations,
    };
  }

  /** Throws unless `kernel` is what this mode builds: gpu.js puts a CPU kernel in place of one it cannot build. */
  assertBuilt({ kernel }: KernelShortcut, { name }: KernelSource): void {
    const { name: className, text, mark } = builds[this.#mode];
    if (!(kernel instanceof this.#kernelClass)) {
      throw new ModeUnavailableError(
        this.#mode,
        `gpu.js put another kernel than ${className} in the place of ${name}; ask for another mode, or for auto`,
      );
    }
    if (!text(kernel)?.includes(mark)) {
      throw new KernelError(`gpu.js built no ${className} of ${name}; ask for another mode, or for auto`);
    }
  }

  /** Releases what was compiled. */
  async clear(): Promise<void> {
    this.#kernels.clear();
    await this.#instance.destroy();
  }
}
