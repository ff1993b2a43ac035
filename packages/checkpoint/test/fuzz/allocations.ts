const watched = ["ArrayBuffer", "Uint8Array", "Uint16Array", "Int32Array", "Float32Array"] as const;

/** Notes the largest array that is allocated by length while it is installed. */
export class AllocationMeter implements Disposable {
  /** Bytes. */
  largest = 0;
  readonly #originals = new Map<string, unknown>();

  constructor() {
    const scope = globalThis as unknown as Record<string, { new (...values: unknown[]): object }>;
    for (const name of watched) {
      const original = scope[name]!;
      this.#originals.set(name, original);
      const width = (original as unknown as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
      scope[name] = new Proxy(original, {
        construct: (target, values, newTarget) => {
          const [length] = values;
          if (typeof length === "number") this.largest = Math.max(this.largest, length * width);
          return Reflect.construct(target, values, newTarget === scope[name] ? target : newTarget);
        },
      });
    }
  }

  [Symbol.dispose](): void {
    for (const [name, original] of this.#originals) Object.assign(globalThis, { [name]: original });
  }
}
