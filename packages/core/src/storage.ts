import type { Backend, DeviceBuffer } from "./backend.js";

/** A device buffer with a reference count; the last release frees it. */
export class Storage {
  readonly backend: Backend;
  readonly byteLength: number;
  readonly buffer: DeviceBuffer;
  #references = 1;

  constructor(backend: Backend, byteLength: number) {
    this.backend = backend;
    this.byteLength = byteLength;
    this.buffer = backend.allocate(byteLength);
  }

  retain(): this {
    this.#references++;
    return this;
  }

  release(): void {
    if (--this.#references === 0) this.backend.free(this.buffer);
  }
}
