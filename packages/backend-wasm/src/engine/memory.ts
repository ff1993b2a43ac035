import { layout } from "./layout.js";

const pageBytes = 65536;
const maximumPages = 65536;
/** Growing detaches every view, so it happens in large steps. */
const growthStep = 32 << 20;

export interface MemoryOptions {
  /** First byte of the arena. */
  readonly arenaStart: number;
  /** Most bytes the arena may span. */
  readonly limit: number;
  readonly shared: boolean;
}

/** Linear memory with typed views that follow its growth. Take a view anew for every use. */
export class Memory {
  readonly wasm: WebAssembly.Memory;
  readonly #arenaStart: number;
  #buffer: ArrayBufferLike;
  #u8!: Uint8Array;
  #u16!: Uint16Array;
  #i32!: Int32Array;
  #u32!: Uint32Array;
  #f32!: Float32Array;

  constructor({ arenaStart, limit, shared }: MemoryOptions) {
    this.#arenaStart = arenaStart;
    const maximum = Math.min(maximumPages, Math.ceil((arenaStart + limit + layout.margin) / pageBytes));
    this.wasm = new WebAssembly.Memory({ initial: Math.ceil((arenaStart + 1) / pageBytes), maximum, shared });
    this.#buffer = this.wasm.buffer;
    this.#refresh();
  }

  /** Bytes the arena may use now. */
  get arenaSpan(): number {
    return this.#buffer.byteLength - this.#arenaStart - layout.margin;
  }

  get u8(): Uint8Array {
    return this.#u8;
  }
  get u16(): Uint16Array {
    return this.#u16;
  }
  get i32(): Int32Array {
    return this.#i32;
  }
  get u32(): Uint32Array {
    return this.#u32;
  }
  get f32(): Float32Array {
    return this.#f32;
  }

  /** Makes room for an arena of `span` bytes; returns the new span. */
  grow(span: number): number | undefined {
    const present = this.#buffer.byteLength / pageBytes;
    const needed = Math.ceil((this.#arenaStart + span + layout.margin) / pageBytes) - present;
    const generous = Math.max(needed, growthStep / pageBytes, Math.floor(present / 4));
    for (const pages of [generous, needed]) {
      try {
        this.wasm.grow(pages);
      } catch {
        continue;
      }
      this.#buffer = this.wasm.buffer;
      this.#refresh();
      return this.arenaSpan;
    }
    return undefined;
  }

  #refresh(): void {
    this.#u8 = new Uint8Array(this.#buffer);
    this.#u16 = new Uint16Array(this.#buffer);
    this.#i32 = new Int32Array(this.#buffer);
    this.#u32 = new Uint32Array(this.#buffer);
    this.#f32 = new Float32Array(this.#buffer);
  }
}
