import { shown } from "../config-fields.js";
import { CheckpointError, type CheckpointErrorCode } from "../errors.js";

/** Reads checked values out of GGUF metadata; every error names the file and the key. Absent ones are undefined. */
export class MetadataFields {
  readonly file: string;
  readonly #metadata: ReadonlyMap<string, unknown>;

  constructor(file: string, metadata: ReadonlyMap<string, unknown>) {
    this.file = file;
    this.#metadata = metadata;
  }

  has(key: string): boolean {
    return this.#metadata.has(key);
  }

  error(key: string, why: string, code: CheckpointErrorCode = "CONFIG"): CheckpointError {
    return new CheckpointError(code, `${this.file}: ${key} ${why}`);
  }

  /** The value of a key that must be there. */
  required<T>(key: string, read: (key: string) => T | undefined): T {
    const value = read(key);
    if (value === undefined) throw this.error(key, "is missing from its metadata; convert the model anew");
    return value;
  }

  readonly string = (key: string): string | undefined =>
    this.#value(key, "a string", (value) => (typeof value === "string" ? value : undefined));

  readonly boolean = (key: string): boolean | undefined =>
    this.#value(key, "true or false", (value) => (typeof value === "boolean" ? value : undefined));

  readonly number = (key: string): number | undefined =>
    this.#value(key, "a finite number", (value) => {
      const number = typeof value === "bigint" ? Number(value) : value;
      return typeof number === "number" && Number.isFinite(number) ? number : undefined;
    });

  /** An integer that is not negative, of any width. */
  readonly count = (key: string): number | undefined =>
    this.#value(key, "an integer of at least 0", (value) => {
      const number = typeof value === "bigint" ? Number(value) : value;
      return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : undefined;
    });

  /** A number stored as f32, as the shortest decimal that rounds to it: 1e-5, not 9.99999974e-6. */
  readonly single = (key: string): number | undefined => {
    const value = this.number(key);
    return value === undefined || Math.fround(value) !== value ? value : shortest(value);
  };

  readonly strings = (key: string): readonly string[] | undefined => this.#list(key, "strings", isString);
  readonly numbers = (key: string): readonly number[] | undefined => this.#list(key, "numbers", isNumber);

  #list<T>(key: string, what: string, is: (value: unknown) => value is T): readonly T[] | undefined {
    return this.#value(key, `a list of ${what}`, (value) =>
      Array.isArray(value) && value.every(is) ? value : undefined,
    );
  }

  #value<T>(key: string, what: string, read: (value: unknown) => T | undefined): T | undefined {
    const value = this.#metadata.get(key);
    if (value === undefined) return undefined;
    const checked = read(value);
    if (checked !== undefined) return checked;
    const found = typeof value === "bigint" ? String(value) : shown(value);
    throw this.error(key, `is ${found}, it must be ${what}`);
  }
}

const isString = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number";

function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return value;
}
