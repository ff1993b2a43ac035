/** What a peer cannot know of where it runs. */
export interface PeerOptions {
  /** Threads of WebAssembly where the library lets one choose; default: its own choice. */
  readonly threads?: number;
  /** Versions by package name, for libraries that do not tell their own. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Folder (with its slash) or addresses by file name of TensorFlow.js's .wasm files. Default: beside its code. */
  readonly tfjsWasmPath?: string | Readonly<Record<string, string>>;
  /** Folder or addresses of ONNX Runtime's files. Default: beside its code. */
  readonly onnxruntimeWasmPath?: string | { readonly wasm: string };
}
